"""Supervised fine-tuning: it learns, resumes to the same weights, stops at nonsense and cuts nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import DataError, TrainingError
from unmask.core.files import file_digest, write_jsonl
from unmask.models.checkpoint import load_tokenizer
from unmask.training.sft import IGNORED, Collator, SupervisedFineTuning, tokenized

SMALL = SupervisedFineTuning(steps=6, batch_size=8, warmup=2, learning_rate=3e-3)


def weights(folder: Path) -> str:
    return file_digest(folder / "model.safetensors")


@pytest.fixture(scope="module")
def trained(tiny: Path, lessons: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    out = tmp_path_factory.mktemp("trained")
    return out, SMALL.run(out, model=tiny, data=lessons)


def test_the_loss_falls_and_facts_are_recorded(trained: tuple[Path, Any]) -> None:
    facts = trained[1]
    assert facts["loss_last"] < facts["loss_first"]
    assert facts["tokens"] > 0 and facts["examples"] == 400


def test_the_same_settings_give_the_same_weights(
    trained: tuple[Path, Any], tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    SMALL.run(tmp_path, model=tiny, data=lessons)
    assert weights(tmp_path) == weights(trained[0])


def test_a_killed_training_resumes_to_the_same_weights(
    trained: tuple[Path, Any], tiny: Path, lessons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unmask.training import trainer

    class Killed(Exception):
        pass

    steps: list[int] = []
    real = trainer.WatchedTrainer.training_step

    def dies_at_five(self: Any, *args: Any, **kwargs: Any) -> Any:
        steps.append(self.state.global_step)
        if len(steps) == 5:
            raise Killed
        return real(self, *args, **kwargs)

    monkeypatch.setattr(trainer.WatchedTrainer, "training_step", dies_at_five)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    resumable = dataclasses.replace(SMALL, resume_every=2)
    with pytest.raises(Killed):
        resumable.run(tmp_path / "first", model=tiny, data=lessons, scratch=scratch)
    resumable.run(tmp_path / "second", model=tiny, data=lessons, scratch=scratch)
    assert steps == [0, 1, 2, 3, 4, 4, 5], "it goes on from step 4, not from the start"
    assert weights(tmp_path / "second") == weights(trained[0])


def test_a_loss_that_is_no_number_stops_it_and_names_the_step(tiny: Path, lessons: Path, tmp_path: Path) -> None:
    wild = dataclasses.replace(SMALL, learning_rate=1e30, warmup=0, steps=20, resume_every=1)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(TrainingError, match=r"step \d+.*last good checkpoint"):
        wild.run(tmp_path / "out", model=tiny, data=lessons, scratch=scratch)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_the_loss_is_on_the_reply_only(tiny: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny)
    write_jsonl(tmp_path / "train.jsonl", [{"prompt": [{"role": "user", "content": "Q?"}], "reply": "Yes."}])
    [row] = tokenized(tokenizer, tmp_path / "train.jsonl", 64)
    taught = [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label != IGNORED]
    assert tokenizer.decode(taught) == "Yes." + tokenizer.eos_token
    batch = Collator(pad=0)([row, {"input_ids": [5], "labels": [5]}])
    assert batch["labels"].shape == batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["attention_mask"].sum().item() == len(row["input_ids"]) + 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "no rows"),
        ([{"prompt": [{"role": "user", "content": "Q?"}]}], "field 'reply'"),
        ([{"prompt": [], "reply": "x"}], "line 1: prompt"),
        ([{"prompt": [{"role": "user", "content": "Q?"}], "reply": "word " * 500}], "nothing is cut silently"),
        ([{"prompt": [{"role": "user", "content": "word " * 500}], "reply": "x"}], "has room for"),
    ],
)
def test_unusable_rows_are_named(tiny: Path, tmp_path: Path, rows: list[Any], says: str) -> None:
    write_jsonl(tmp_path / "train.jsonl", rows)
    with pytest.raises(DataError, match=says):
        SMALL.run(tmp_path / "out", model=tiny, data=tmp_path)
