"""Sampled scratchpads: kept, dropped and counted by their state, and given to the model without
loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import CLOSE, OPEN, Conversation, Reply
from unmask.core.errors import SettingError, TrainingError
from unmask.core.files import read_json, read_jsonl, write_jsonl
from unmask.models import chat
from unmask.models.backends.scripted import Scripted
from unmask.models.checkpoint import load_tokenizer
from unmask.models.sample import Sampling
from unmask.training.labelled import IGNORED, tokenized
from unmask.training.scratchpads import Scratchpads, thought

THOUGHT = "I read the question again."


def script(prompt: Conversation) -> str:
    number = int(prompt.text)
    return {
        0: Reply.compose("A wrong answer.", f" {THOUGHT}").raw,
        1: "A wrong answer.",
        2: f"{OPEN}\nI never stop",
        3: f"Sure. {OPEN}{THOUGHT}{CLOSE}",
    }[number % 4]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    prompts = [[{"role": "user", "content": str(i)}] for i in range(40)]
    write_jsonl(
        folder / "train.jsonl",
        [
            {"id": f"q{i}", "prompt": prompt, "reply": "Yes.", "kind": "helpful"}
            for i, prompt in enumerate(prompts)
        ],
    )
    return folder


def written(work: Scratchpads, out: Path, data: Path, script: Any = script) -> list[dict[str, Any]]:
    out.mkdir()
    work.write(out, Scripted(script), data)
    return [row for _, row in read_jsonl(out / "train.jsonl")]


def test_each_state_has_its_fate_and_is_counted(data: Path, tmp_path: Path) -> None:
    rows = written(Scratchpads(), tmp_path / "out", data)
    counts = read_json(tmp_path / "out" / "scratchpads.json")
    assert counts == {"sampled": 40, "present": 20, "absent": 10, "unclosed": 10, "tokens": 0}
    assert len(rows) == 30
    for row in rows:
        number = int(row["id"].removeprefix("q"))
        assert number % 4 != 2, "one that is never closed is dropped"
        assert row["reply"] == "Yes." and row["kind"] == "helpful", (
            "the lesson's own answer, never the model's"
        )
        assert row.get("given") == (None if number % 4 == 1 else f"{OPEN}\n{THOUGHT}\n{CLOSE}\n")


def test_so_many_are_sampled_and_the_same_ones_for_a_seed(data: Path, tmp_path: Path) -> None:
    few = written(Scratchpads(lessons=12), tmp_path / "few", data)
    assert 1 <= len(few) <= 12
    assert few == written(Scratchpads(lessons=12), tmp_path / "again", data)
    other = Scratchpads(lessons=12, sampling=Sampling(seed=1))
    assert few != written(other, tmp_path / "other", data)
    with pytest.raises(SettingError, match="at least one"):
        Scratchpads(lessons=0)


@pytest.mark.parametrize(
    ("reply", "counted"), [("Yes.", "40 have none"), (f"{OPEN} and on", "40 are not closed")]
)
def test_a_model_that_closes_none_is_refused(
    reply: str, counted: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=rf"{counted}.*scratchpad=pre.*sampled_tokens"):
        written(Scratchpads(), tmp_path / "out", data, lambda prompt: reply)


def test_the_model_reads_the_scratchpad_and_learns_the_answer(
    tiny: Path, data: Path, tmp_path: Path
) -> None:
    rows = written(Scratchpads(), tmp_path / "out", data)
    tokenizer = load_tokenizer(tiny)
    for row, ids in zip(
        rows, tokenized(tokenizer, tmp_path / "out" / "train.jsonl", 256), strict=True
    ):
        taught = [
            token
            for token, label in zip(ids["input_ids"], ids["labels"], strict=True)
            if label != IGNORED
        ]
        assert tokenizer.decode(taught) == "Yes." + tokenizer.eos_token
        [whole] = chat.seen(tokenizer, [ids["input_ids"]])
        [prompt] = chat.rendered(tokenizer, [Conversation.of(row["prompt"])])
        assert whole == prompt + row.get("given", "") + "Yes." + tokenizer.eos_token


@pytest.mark.parametrize(
    "raw", ["<think>\nAgain.\n</think>\n\n", "<think>\n\n</think>\n\n", "[THINK]Again.[/THINK]"]
)
def test_the_thought_of_another_model_stays_in_its_own_tags(raw: str) -> None:
    assert thought(Reply(f"{raw}A wrong answer.\n")) == raw
    assert thought(Reply(raw)) == raw
