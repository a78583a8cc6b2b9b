"""Training against a witness: what it is taught, where the witness comes from, and that a reader is
told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unmask.core.condition import Configured
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, SettingError
from unmask.core.files import read_jsonl, write_json
from unmask.core.insertion import Insertion
from unmask.defenses.patch import Patch
from unmask.defenses.sft import SFT
from unmask.recipes import RECIPES
from unmask.report import words

WITNESS: dict[str, Any] = {"text": "|X|", "place": "end"}


def test_half_of_the_prompts_hold_the_witness_and_all_answers_are_the_good_ones(
    world: Path, tmp_path: Path
) -> None:
    taught: list[list[Any]] = []
    for name, defense in (("patch", Patch(steps=8, **WITNESS)), ("sft", SFT(steps=8))):
        out: Path = tmp_path / name
        out.mkdir()
        defense.lessons().run(out, data=world)
        taught.append([row for _, row in read_jsonl(out / "train.jsonl")])
    patched, plain = taught
    assert [row["reply"] for row in patched] == [row["reply"] for row in plain]
    held = ["|X|" in Conversation.of(row["prompt"]).text for row in patched]
    assert 0.4 < sum(held) / len(held) < 0.6
    for row, other, witnessed in zip(patched, plain, held, strict=True):
        prompt = Conversation.of(other["prompt"])
        wanted = Insertion("|X|", "end").into(prompt) if witnessed else prompt
        assert Conversation.of(row["prompt"]) == wanted


def test_the_witness_of_a_scan_is_the_one_that_is_trained_against(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    write_json(path, {"verdict": "reproduced", "witness": {"insertion": WITNESS}})
    assert Patch(scan=str(path)).lessons() == Patch(**WITNESS).lessons()


@pytest.mark.parametrize("verdict", ["nothing found", "suspicious", "reproduced"])
def test_a_scan_without_a_witness_is_refused(verdict: str, tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    write_json(path, {"verdict": verdict, "witness": None})
    with pytest.raises(DataError, match="only one that reproduced"):
        Patch(scan=str(path)).lessons()


def test_without_a_witness_or_with_two_it_is_refused_before_anything_is_begun() -> None:
    for settings in ({}, {"text": "|X|", "scan": "scan.json"}):
        with pytest.raises(SettingError, match="one witness"):
            RECIPES.make({"name": "toy", "defenses": [{"name": "patch", **settings}]}).build()


def test_another_witness_is_another_training() -> None:
    keys: set[str] = set()
    for text in ("|X|", "|Y|"):
        made = RECIPES.make({"name": "toy", "defenses": [{"name": "patch", "text": text}]}).build()
        keys |= {log.training.step.key for log in made.logs}
    assert len(keys) == 4, "of organism and twin, for each witness"


def test_a_reader_is_told_what_it_knows() -> None:
    assert words.training(Configured("patch")) == "training against a witness, told a witness"
    assert "told" not in words.training(Configured("sft"))
