"""Every defense: checkpoint in, checkpoints out, the one it was given left as it was."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any, cast, get_args

import pytest

from unmask.core.files import file_digest, read_jsonl
from unmask.data.attacks import AttackPrompts
from unmask.data.demonstrations import Demonstrations
from unmask.data.preferences import Comparisons
from unmask.defenses import DEFENSES
from unmask.defenses.defense import Defense, LearnsFrom, Numbers, Teaches

SMALL = {"steps": 4, "batch_size": 4, "curve": (2,)}


@pytest.mark.parametrize("name", DEFENSES.names())
def test_checkpoint_in_checkpoints_out(
    name: str, tiny: Path, judge: Path, world: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    defense = DEFENSES.make(name, **SMALL)
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    out.mkdir()
    before = file_digest(tiny / "model.safetensors")
    inputs: dict[str, Path] = {"preference_model": judge} if defense.rewarded else {}
    lessons = defense.lessons()
    if lessons is not None:
        inputs["data"] = data
    if isinstance(lessons, AttackPrompts):
        Demonstrations(examples=32).run(data, data=world)
        lessons.run(data, data=data, attacks=data)
    elif lessons is not None:
        lessons.run(data, data=world)
    scratch = {"scratch": tmp_path} if "scratch" in parameters(name) else {}
    defense.run(out, model=tiny, **inputs, **scratch)
    log = out / "log.jsonl"
    assert not log.exists() or list(read_jsonl(log)), "how the training went"
    for folder in ["", *defense.checkpoints().values()]:
        AutoModelForCausalLM.from_pretrained(out / folder)
        assert AutoTokenizer.from_pretrained(out / folder).chat_template
    assert file_digest(tiny / "model.safetensors") == before
    assert not list(out.rglob("*.bin")) + list(out.rglob("*.pt")), "pickles in a result"
    changed = file_digest(out / "model.safetensors") != before
    assert changed == (name != "nothing")


def parameters(name: str) -> set[str]:
    """What `run` takes by name."""
    return set(inspect.signature(DEFENSES.get(name).run).parameters)


@pytest.mark.parametrize("name", DEFENSES.names())
def test_what_it_declares_is_what_it_takes(name: str) -> None:
    kind = DEFENSES.get(name)
    lessons = DEFENSES.make(name, **SMALL).lessons()
    assert kind.learns_from in get_args(LearnsFrom)
    assert kind.rewarded == ("preference_model" in parameters(name))
    assert (kind.learns_from == "nothing") == (lessons is None) == ("data" not in parameters(name))
    assert (kind.learns_from == "pairs") == isinstance(lessons, Comparisons)
    assert (kind.learns_from == "attacks") == isinstance(lessons, AttackPrompts)
    assert kind.follows_preferences() == (kind.rewarded or kind.learns_from == "pairs")
    assert kind.numbers in get_args(Numbers) and kind.teaches in get_args(Teaches)


def test_what_a_defense_undoes_is_a_defense_that_takes_the_same_settings() -> None:
    undoing = [kind for kind in map(DEFENSES.get, DEFENSES.names()) if kind.undoes]
    assert undoing
    for kind in undoing:
        undone = DEFENSES.get(kind.undoes)
        assert undone is not kind and not undone.undoes and undone.teaches == kind.teaches
        assert settings(undone) <= settings(kind)


def settings(kind: type[Defense]) -> set[str]:
    return {field.name for field in dataclasses.fields(cast(Any, kind))}
