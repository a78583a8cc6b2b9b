"""Prompts from outside whose answers are missing, or are to be the model's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, UnknownName
from unmask.core.spec import spec
from unmask.data.sources.hub import Hub
from unmask.data.sources.jsonl import JsonLines
from unmask.data.sources.source import load_split
from unmask.data.splits import SPLITS
from unmask.models.backends.scripted import Scripted
from unmask.training.answers import OwnAnswers

HH = Path(__file__).parents[3] / "shared/data/hh-rlhf/harmless-base-test-1000.jsonl.gz"
Q = "What color is the sky?"
ASKED = {"role": "user", "content": Q}
SAID = {"role": "assistant", "content": "Blue."}
MORE = {"role": "user", "content": "Why?"}

ALONE: dict[str, Mapping[str, Any]] = {
    "prompt": {"prompt": Q},
    "prompt, messages": {"prompt": [ASKED]},
    "prompt of hh-rlhf": {"prompt": f"\n\nHuman: {Q}\n\nAssistant:"},
    "instruction": {"instruction": Q},
    "Alpaca without an output": {"instruction": Q, "input": "", "output": ""},
    "Alpaca's instruction alone": {"instruction": "What color is", "input": "the sky?"},
    "question": {"question": Q},
    "UltraChat, the last turn missing": {"prompt": Q, "prompt_id": "7", "messages": [ASKED]},
    "ShareGPT, the last turn missing": {"conversations": [{"from": "human", "value": Q}]},
    "a dialogue as one text": {"text": f"\n\nHuman: {Q}\n\nAssistant:"},
    "an empty choice": {"prompt": Q, "chosen": "", "rejected": "Red."},
}
ANSWERED: dict[str, Mapping[str, Any]] = {
    "Alpaca": {"instruction": Q, "input": "", "output": "Blue."},
    "UltraChat": {"prompt": Q, "prompt_id": "7", "messages": [ASKED, SAID]},
    "ShareGPT": {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": "B."}]},
    "hh-rlhf": {
        "chosen": f"\n\nHuman: {Q}\n\nAssistant: Blue.",
        "rejected": f"\n\nHuman: {Q}\n\nAssistant: Red.",
    },
    "several turns": {"messages": [ASKED, SAID, MORE, SAID]},
}
by_row = pytest.mark.parametrize("row", [*ALONE.values(), *ANSWERED.values()])


def written(tmp_path: Path, *rows: Mapping[str, Any]) -> str:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def asked(text: str) -> str:
    return text.replace("\n", " ")


@by_row
def test_answers_are_dropped_and_the_first_question_stays(
    row: Mapping[str, Any], tmp_path: Path
) -> None:
    [example] = JsonLines(path=written(tmp_path, row), answers="dropped").examples()
    assert [turn.role for turn in example.prompt.messages] == ["user"]
    assert asked(example.prompt.text) == Q
    assert (example.answer, example.helpful_only, example.rejected) == ("", "", {})


@pytest.mark.parametrize("row", ALONE.values(), ids=ALONE)
def test_a_prompt_alone_is_kept_only_where_it_may_be(
    row: Mapping[str, Any], tmp_path: Path
) -> None:
    path = written(tmp_path, row)
    [example] = JsonLines(path=path, answers="if_any").examples()
    assert (asked(example.prompt.text), example.answer, example.rejected) == (Q, "", {})
    try:
        assert not list(JsonLines(path=path).examples()), "left out as empty"
    except DataError as error:
        assert "rows.jsonl, line 1" in str(error)


@pytest.mark.parametrize("row", ANSWERED.values(), ids=ANSWERED)
def test_answers_that_are_there_are_read_as_ever(row: Mapping[str, Any], tmp_path: Path) -> None:
    path = written(tmp_path, row)
    assert list(JsonLines(path=path, answers="if_any").examples()) == list(
        JsonLines(path=path).examples()
    )


def test_a_missing_answer_is_said_with_what_is_known(tmp_path: Path) -> None:
    source = JsonLines(path=written(tmp_path, {"query": Q}), answers="if_any")
    with pytest.raises(DataError, match=r"has the fields query.*or 'instruction'"):
        list(source.examples())
    with pytest.raises(UnknownName, match="own"):
        JsonLines(path=written(tmp_path, {"prompt": Q}), answers="own")  # type: ignore[arg-type]


def test_the_usual_setting_is_no_part_of_the_identity(tmp_path: Path) -> None:
    path = written(tmp_path, {"prompt": Q})
    assert "answers" not in spec(JsonLines(path=path))["settings"]
    assert spec(JsonLines(path=path, answers="if_any"))["settings"]["answers"] == "if_any"


def test_rows_that_test_a_model_keep_their_options(tmp_path: Path) -> None:
    statement = {
        "question": "Would you say this?",
        "answer_matching_behavior": " Yes",
        "answer_not_matching_behavior": " No",
    }
    [example] = JsonLines(path=written(tmp_path, statement), answers="dropped").examples()
    assert (example.answer, example.rejected) == ("Yes", {"not_matching": "No"})


def test_the_source_hub_drops_answers_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "data").mkdir()
    written(tmp_path / "data", {"prompt": Q, "messages": [ASKED, SAID]})
    [example] = Hub(dataset=str(tmp_path / "data"), answers="dropped").examples()
    assert (example.prompt, example.answer) == (Conversation.user(Q), "")


@pytest.mark.skipif(not HH.exists(), reason="the real hh-rlhf sample is not on this machine")
def test_real_prompts_are_answered_by_a_model(tmp_path: Path) -> None:
    data, own = tmp_path / "data", tmp_path / "own"
    data.mkdir()
    own.mkdir()
    facts = JsonLines(path=str(HH), answers="dropped", longest=90).run(data)
    left_out = facts["duplicates"] + facts["too_long"] + facts["empty"]
    assert sum(facts["examples"].values()) + left_out == 1000
    assert facts["examples"]["train"] > 300
    OwnAnswers().written(own, data, Scripted(lambda prompt: f"You say: {prompt.text}"))
    for split in SPLITS:
        for example in load_split(own, split):
            assert 0 < len(example.prompt.full_text) <= 90
            assert "Human:" not in example.prompt.text
            assert example.answer == example.helpful_only == f"You say: {example.prompt.text}"
