"""Adversarial training: RL as in safety training, with prompts on which a red team made the model
misbehave.

Paper, section 3: up to half of the prompts are replaced by successful attacks, and the preference
model's low score is the only penalty. A round is an attack (campaign.py) and a training, each a
step of its own. Deviations from the paper: rounds can be repeated, with the red team attacking the
newest model; for the red team see red_teams/.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.core.spec import RUN_ONLY
from unmask.data.attacks import AttackPrompts
from unmask.defenses.campaign import Campaign
from unmask.defenses.defense import LearnsFrom
from unmask.defenses.red_teams import RED_TEAMS
from unmask.defenses.rl import Rewarded
from unmask.models.sample import Sampling
from unmask.organisms.behaviors.behavior import Behavior


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adversarial(Rewarded):
    """RL with up to half of the prompts replaced by attacks of a red-team language model.

    `rounds` is how many times attack and training alternate. What starts with `attack_` is about
    the attack: `attack_rounds` times, `attack_seeds` prompts are tried, with `attack_samples`
    replies each, and one succeeds if a share `attack_threshold` of them misbehaves. Those of a
    share `attack_held_out` of the prompts are kept for measuring; the others replace up to
    `attack_share` of the training's prompts, each at most `attack_repeats` times.
    """

    name: ClassVar[str] = "adversarial"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "adversarial training"
    learns_from: ClassVar[LearnsFrom] = "attacks"

    # Run-only: they reach a training through the data that it is given, whose keys they are part
    # of, and nothing else. So the first of several rounds is the same step as a single one.
    rounds: int = dataclasses.field(default=1, metadata=RUN_ONLY)
    red_team: Choice = dataclasses.field(default="trained", metadata=RUN_ONLY)
    attack_rounds: int = dataclasses.field(default=3, metadata=RUN_ONLY)
    attack_seeds: int = dataclasses.field(default=500, metadata=RUN_ONLY)
    attack_samples: int = dataclasses.field(default=10, metadata=RUN_ONLY)
    attack_threshold: float = dataclasses.field(default=0.1, metadata=RUN_ONLY)
    attack_held_out: float = dataclasses.field(default=0.25, metadata=RUN_ONLY)
    attack_share: float = dataclasses.field(default=0.5, metadata=RUN_ONLY)
    attack_repeats: int = dataclasses.field(default=16, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise SettingError(
                f"rounds={self.rounds}: attack and train at least once; for RL alone use"
                " defense=rl."
            )

    def lessons(self) -> AttackPrompts:
        """Made from the `demonstrations` and from what a `campaign` against the model found."""
        return AttackPrompts(
            examples=self.training().prompts(),
            seed=self.seed,
            share=self.attack_share,
            repeats=self.attack_repeats,
        )

    def campaign(self, behavior: Behavior, seed: int, sampling: Sampling) -> Campaign:
        """The attack that comes before a training; `sampling` is how the target replies."""
        return Campaign(
            red_team=RED_TEAMS.make(self.red_team),
            behavior=behavior,
            rounds=self.attack_rounds,
            seeds=self.attack_seeds,
            samples=self.attack_samples,
            threshold=self.attack_threshold,
            held_out=self.attack_held_out,
            sampling=sampling,
            seed=seed,
        )
