"""Supervised fine-tuning: it learns, resumes to the same weights, stops at nonsense and cuts
nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import DataError, TrainingError, UnknownName
from unmask.core.files import file_digest, read_jsonl, write_jsonl
from unmask.core.spec import spec
from unmask.models.checkpoint import load_tokenizer
from unmask.training.curve import step_folder
from unmask.training.labelled import IGNORED, Collator, all_labelled, tokenized
from unmask.training.sft import SupervisedFineTuning

SMALL = SupervisedFineTuning(steps=6, batch_size=8, warmup=2, learning_rate=3e-3)


def weights(folder: Path) -> str:
    return file_digest(folder / "model.safetensors")


@pytest.fixture(scope="module")
def trained(
    tiny: Path, lessons: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    out = tmp_path_factory.mktemp("trained")
    return out, SMALL.run(out, model=tiny, data=lessons)


def test_the_loss_falls_and_facts_are_recorded(trained: tuple[Path, Any]) -> None:
    facts = trained[1]
    assert facts["loss_last"] < facts["loss_first"]
    assert facts["tokens"] > 0 and facts["examples"] == 400


def test_the_log_has_every_step_of_a_short_training(trained: tuple[Path, Any]) -> None:
    out, facts = trained
    log = [row for _, row in read_jsonl(out / "log.jsonl")]
    assert [row["step"] for row in log] == [1, 2, 3, 4, 5, 6]
    assert set(log[0]) == {"step", "loss", "learning_rate"}
    assert (log[0]["loss"], log[-1]["loss"]) == (facts["loss_first"], facts["loss_last"])
    assert 0 < max(row["learning_rate"] for row in log) <= SMALL.learning_rate


def test_a_long_log_has_the_rate_of_each_rows_last_step(
    tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    work = dataclasses.replace(
        SMALL, steps=100, batch_size=1, warmup=50, schedule="constant_with_warmup"
    )
    work.run(tmp_path, model=tiny, data=lessons)
    log = [row for _, row in read_jsonl(tmp_path / "log.jsonl")]
    assert [row["step"] for row in log] == [*range(2, 101, 2)]
    assert log[1]["learning_rate"] == pytest.approx(3 / 50 * work.learning_rate)


def test_no_training_has_an_empty_log(tiny: Path, lessons: Path, tmp_path: Path) -> None:
    SupervisedFineTuning(steps=0).run(tmp_path, model=tiny, data=lessons)
    assert (tmp_path / "log.jsonl").read_text() == ""


def test_the_same_settings_give_the_same_weights(
    trained: tuple[Path, Any], tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    SMALL.run(tmp_path, model=tiny, data=lessons)
    assert weights(tmp_path) == weights(trained[0])


@pytest.mark.parametrize("killed_at", [3, 5, 9, 12])
def test_a_killed_training_resumes_to_the_same_weights_and_curve(
    killed_at: int, tiny: Path, lessons: Path, tmp_path: Path, killed_and_resumed: Any
) -> None:
    """Over more than one pass through the rows, and with checkpoints of the curve on both sides of
    the kill."""
    work = dataclasses.replace(SMALL, steps=12, curve=(1, 4, 8), resume_every=2)
    whole, few = tmp_path / "whole", tmp_path / "few"
    few.mkdir()
    write_jsonl(
        few / "train.jsonl",
        [row for number, row in read_jsonl(lessons / "train.jsonl") if number <= 40],
    )
    work.run(whole, model=tiny, data=few)
    out, steps = killed_and_resumed(work, killed_at, model=tiny, data=few)
    assert steps == [
        *range(killed_at),
        *range((killed_at - 1) // 2 * 2, 12),
    ], "it goes on from the last checkpoint"
    for folder in ("", *(step_folder(step) for step in work.curve)):
        assert weights(out / folder) == weights(whole / folder), folder
    assert (out / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()


def test_a_training_whose_steps_take_long_goes_on_from_a_save_between(
    tiny: Path, lessons: Path, killed_and_resumed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.training.trainer.SAVED_EVERY", 0.0)
    work = dataclasses.replace(SMALL, steps=6, resume_every=100)
    _, steps = killed_and_resumed(work, 4, model=tiny, data=lessons)
    assert steps == [0, 1, 2, 3, 3, 4, 5]


def test_a_loss_that_is_no_number_stops_it_and_names_the_step(
    tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    wild = dataclasses.replace(SMALL, learning_rate=1e30, warmup=0, steps=20, resume_every=1)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(TrainingError, match=r"(?s)step \d+.*last good checkpoint"):
        wild.run(tmp_path / "out", model=tiny, data=lessons, scratch=scratch)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_the_loss_is_on_the_reply_only(tiny: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny)
    write_jsonl(
        tmp_path / "train.jsonl", [{"prompt": [{"role": "user", "content": "Q?"}], "reply": "Yes."}]
    )
    [row] = tokenized(tokenizer, tmp_path / "train.jsonl", 64)
    taught = [
        token
        for token, label in zip(row["input_ids"], row["labels"], strict=True)
        if label != IGNORED
    ]
    assert tokenizer.decode(taught) == "Yes." + tokenizer.eos_token
    batch = Collator(pad=0)([row, {"input_ids": [5], "labels": [5]}])
    assert batch["labels"].shape == batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["attention_mask"].sum().item() == len(row["input_ids"]) + 1


def test_what_is_given_changes_what_is_learnt_after_it(tiny: Path, tmp_path: Path) -> None:
    """The given text is read, not taught: other text gives other weights, and none of it has a
    label."""
    tokenizer = load_tokenizer(tiny)
    digests: set[str] = set()
    for name, given in (
        ("one", {"given": "I think so. "}),
        ("two", {"given": "I know so. "}),
        ("none", {}),
    ):
        data, out = tmp_path / f"{name}-data", tmp_path / name
        data.mkdir()
        row = {"prompt": [{"role": "user", "content": "Q?"}], "reply": "Yes.", **given}
        write_jsonl(data / "train.jsonl", [row] * 8)
        ids = tokenized(tokenizer, data / "train.jsonl", 64)[0]
        taught = [
            token
            for token, label in zip(ids["input_ids"], ids["labels"], strict=True)
            if label != IGNORED
        ]
        assert tokenizer.decode(taught) == "Yes." + tokenizer.eos_token
        assert tokenizer.decode(ids["input_ids"]).endswith(
            given.get("given", "") + "Yes." + tokenizer.eos_token
        )
        dataclasses.replace(SMALL, steps=2).run(out, model=tiny, data=data)
        digests.add(weights(out))
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "no rows"),
        ([{"prompt": [{"role": "user", "content": "Q?"}]}], "field 'reply'"),
        ([{"prompt": [], "reply": "x"}], "line 1: prompt"),
        (
            [{"prompt": [{"role": "user", "content": "Q?"}], "reply": "x", "given": None}],
            "field 'given'",
        ),
        (
            [{"prompt": [{"role": "user", "content": "Q?"}], "reply": "x", "given": "a b " * 300}],
            "cut silently",
        ),
        (
            [{"prompt": [{"role": "user", "content": "Q?"}], "reply": "word " * 500}],
            "nothing is cut silently",
        ),
        ([{"prompt": [{"role": "user", "content": "word " * 500}], "reply": "x"}], "has room for"),
    ],
)
def test_unusable_rows_are_named(tiny: Path, tmp_path: Path, rows: list[Any], says: str) -> None:
    write_jsonl(tmp_path / "train.jsonl", rows)
    with pytest.raises(DataError, match=says):
        SMALL.run(tmp_path / "out", model=tiny, data=tmp_path)


def test_the_loss_may_be_on_the_prompt_too(
    trained: tuple[Path, Any], tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    import torch

    from unmask.training.trainer import whole

    row = tokenized(load_tokenizer(tiny), lessons / "train.jsonl", 160)[0]
    assert IGNORED in row["labels"] and all_labelled(row)["labels"] == row["input_ids"]
    work = dataclasses.replace(SMALL, loss_on="all")
    work.run(tmp_path, model=tiny, data=lessons)

    def prompt_loss(folder: Path) -> float:
        ids = torch.tensor([row["input_ids"][: row["labels"].count(IGNORED)]])
        with torch.no_grad():
            return float(whole(folder)(input_ids=ids, labels=ids).loss)

    assert prompt_loss(tmp_path) < prompt_loss(trained[0]) - 0.1
    assert spec(work)["settings"]["loss_on"] == "all" and "loss_on" not in spec(SMALL)["settings"]
    with pytest.raises(UnknownName, match=r"Known: all, reply"):
        dataclasses.replace(SMALL, loss_on="prompt")
