"""The contract of a defense: checkpoint in, checkpoints out, the one it was given left as it
was."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_args

import pytest

from unmask.core.files import file_digest, read_jsonl
from unmask.core.spec import canonical, spec
from unmask.data.attacks import AttackPrompts
from unmask.data.demonstrations import Demonstrations
from unmask.data.preferences import Comparisons
from unmask.defenses.defense import Defense, LearnsFrom, Numbers, Teaches
from unmask.models.checkpoint import GUARD


class DefenseContract:
    """It runs on an untrained tiny model, writes checkpoints that load, and is what it declares."""

    def changes_weights(self, defense: Defense) -> bool:
        """Whether its result differs from the model that it was given. Override it for one that
        leaves weights alone."""
        return not defense.guards

    @pytest.fixture
    def defense(self) -> Defense:
        """The defense under test, with few and small steps: override this."""
        raise NotImplementedError

    def test_checkpoint_in_checkpoints_out(
        self, defense: Defense, tiny: Path, judge: Path, original: Path, world: Path, tmp_path: Path
    ) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        out = tmp_path / "out"
        out.mkdir()
        before = file_digest(tiny / "model.safetensors")
        inputs = prepared(defense, world, tmp_path)
        if defense.rewarded:
            inputs["preference_model"] = judge
        if defense.reads_base:
            inputs["base"] = original
        defense.run(out, model=tiny, **inputs)
        log = out / "log.jsonl"
        assert not log.exists() or list(read_jsonl(log)), "how the training went"
        for folder in ["", *defense.checkpoints().values()]:
            AutoModelForCausalLM.from_pretrained(out / folder)
            assert AutoTokenizer.from_pretrained(out / folder).chat_template
        assert file_digest(tiny / "model.safetensors") == before
        assert not list(out.rglob("*.bin")) + list(out.rglob("*.pt")), "pickles in a result"
        assert (out / GUARD).is_dir() == defense.guards
        changed = file_digest(out / "model.safetensors") != before
        assert changed == self.changes_weights(defense)

    def test_what_it_declares_is_what_it_takes(self, defense: Defense) -> None:
        taken, lessons = parameters(defense), defense.lessons()
        assert defense.learns_from in get_args(LearnsFrom)
        assert defense.rewarded == ("preference_model" in taken)
        assert defense.reads_base == ("base" in taken)
        assert (defense.learns_from == "nothing") == (lessons is None) == ("data" not in taken)
        assert (defense.learns_from == "pairs") == isinstance(lessons, Comparisons)
        assert (defense.learns_from == "attacks") == isinstance(lessons, AttackPrompts)
        follows = defense.rewarded or defense.learns_from == "pairs"
        assert defense.follows_preferences() == follows
        assert defense.numbers in get_args(Numbers) and defense.teaches in get_args(Teaches)

    def test_it_has_an_identity_a_summary_and_no_trigger(self, defense: Defense) -> None:
        text = canonical(spec(defense))
        assert defense.name and defense.version >= 1 and defense.summary()
        assert '"trigger"' not in text and "DEPLOYMENT" not in text


def prepared(defense: Defense, world: Path, folder: Path) -> dict[str, Path]:
    """The folders that a defense reads, but for models."""
    inputs: dict[str, Path] = {}
    if "scratch" in parameters(defense):
        inputs["scratch"] = folder
    lessons = defense.lessons()
    if lessons is not None:
        data = inputs["data"] = folder / "data"
        data.mkdir()
        if isinstance(lessons, AttackPrompts):
            Demonstrations(examples=32).run(data, data=world)
            lessons.run(data, data=data, attacks=data)
        else:
            lessons.run(data, data=world)
    return inputs


def parameters(defense: Defense) -> set[str]:
    """What `run` takes by name."""
    return set(inspect.signature(defense.run).parameters)
