"""RL and DPO as defenses: their settings reach the training, and their data are as much as it will
see."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from unmask.core.files import file_digest
from unmask.data.demonstrations import Demonstrations
from unmask.data.preferences import Comparisons
from unmask.defenses.defense import Defense
from unmask.defenses.dpo import DPO
from unmask.defenses.rl import RL
from unmask.models import checkpoint
from unmask.training.preference_model import PreferenceModel

SMALL_RL = RL(steps=2, batch_size=4, max_new_tokens=6, curve=(1, 2, 50))
SMALL_DPO = DPO(steps=2, batch_size=4, curve=(1, 2, 50))


def test_the_data_are_as_many_as_will_be_seen() -> None:
    assert RL(steps=10, batch_size=12, num_generations=4).lessons() == Demonstrations(examples=30)
    assert DPO(steps=10, batch_size=12, seed=3).lessons() == Comparisons(examples=120, seed=3)


def test_a_recipe_sees_from_the_signature_that_rl_needs_a_preference_model() -> None:
    assert "preference_model" in inspect.signature(RL.run).parameters
    assert "preference_model" not in inspect.signature(DPO.run).parameters


@pytest.mark.parametrize("defense", [SMALL_RL, SMALL_DPO], ids=["rl", "dpo"])
def test_the_curve_ends_at_the_result(defense: Defense) -> None:
    assert defense.checkpoints() == {1: "steps/000001", 2: ""}


@pytest.mark.parametrize("defense", [SMALL_RL, SMALL_DPO], ids=["rl", "dpo"])
def test_checkpoint_in_checkpoints_out(
    defense: RL | DPO, tiny: Path, world: Path, tmp_path: Path
) -> None:
    data, pairs, judge, out = (tmp_path / name for name in ("data", "pairs", "judge", "out"))
    for folder in (data, pairs, judge, out):
        folder.mkdir()
    before = file_digest(tiny / "model.safetensors")
    defense.lessons().run(data, data=world)
    if isinstance(defense, RL):
        Comparisons(examples=8, held_out=2).run(pairs, data=world)
        PreferenceModel(steps=1, batch_size=4, warmup=0).run(judge, model=tiny, data=pairs)
        facts = defense.run(out, model=tiny, data=data, preference_model=judge)
    else:
        facts = defense.run(out, model=tiny, data=data)
    assert facts["tokens"] > 0
    for folder in defense.checkpoints().values():
        checkpoint.check_folder(out / folder)
    assert file_digest(out / "model.safetensors") != before
    assert file_digest(tiny / "model.safetensors") == before
    assert (out / "log.jsonl").is_file()
