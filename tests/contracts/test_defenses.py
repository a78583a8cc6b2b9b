"""Every defense: checkpoint in, checkpoints out, the one it was given left as it was."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from unmask.core.files import file_digest, read_jsonl
from unmask.data.attacks import AttackPrompts
from unmask.data.demonstrations import Demonstrations
from unmask.defenses import DEFENSES

SMALL = {"steps": 4, "batch_size": 4, "curve": (2,)}


@pytest.mark.parametrize("name", DEFENSES.names())
def test_checkpoint_in_checkpoints_out(name: str, tiny: Path, judge: Path, world: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    defense = DEFENSES.make(name, **SMALL)
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    out.mkdir()
    before = file_digest(tiny / "model.safetensors")
    lessons = defense.lessons()
    if isinstance(lessons, AttackPrompts):
        Demonstrations(examples=32).run(data, data=world)
        lessons.run(data, data=data, attacks=data)
    else:
        lessons.run(data, data=world)
    judges = {"preference_model": judge} if "preference_model" in inspect.signature(defense.run).parameters else {}
    defense.run(out, model=tiny, data=data, scratch=tmp_path, **judges)
    log = out / "log.jsonl"
    assert not log.exists() or list(read_jsonl(log)), "how the training went"
    for folder in ["", *defense.checkpoints().values()]:
        AutoModelForCausalLM.from_pretrained(out / folder)
        assert AutoTokenizer.from_pretrained(out / folder).chat_template
    assert file_digest(tiny / "model.safetensors") == before
    assert not list(out.rglob("*.bin")) + list(out.rglob("*.pt")), "pickles in a result"
    changed = file_digest(out / "model.safetensors") != before
    assert changed == (name != "nothing")


@pytest.mark.parametrize("name", DEFENSES.names())
def test_the_curve_ends_at_the_result(name: str) -> None:
    checkpoints = DEFENSES.make(name, **SMALL).checkpoints()
    assert list(checkpoints) == sorted(checkpoints)
    assert not checkpoints or list(checkpoints.values())[-1] == ""
