"""Safety training by reinforcement learning against a preference model (paper, section 3; see
training/rl.py).

Source of the method: Ahmadian et al. 2024 (RLOO); the work is TRL's (von Werra et al. 2020).
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from unmask.core.spec import RUN_ONLY
from unmask.data.demonstrations import Demonstrations
from unmask.defenses.defense import ByTraining, Numbers
from unmask.training.efficiency import SAMPLED, Efficiency
from unmask.training.rl import ReinforcementLearning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rewarded(ByTraining, abc.ABC):
    """Abstract: the settings and the work that all defenses by reinforcement learning share.

    `batch_size` is replies a step, `max_new_tokens` the room for a reply with its scratchpad, `kl`
    the weight of staying near the model as it was. A subclass says what it is trained on, in
    `lessons`; only the prompts are used.
    """

    rewarded: ClassVar[bool] = True
    numbers: ClassVar[Numbers] = "rl"

    num_generations: int = 2
    kl: float = 0.1
    max_new_tokens: int = 24
    scratchpad: Literal["keep"] = "keep"
    warmup: int = 5
    efficiency: Efficiency = dataclasses.field(default=Efficiency(), metadata=SAMPLED)
    tokens_per_reply: int = dataclasses.field(default=64, metadata=RUN_ONLY)

    def demonstrations(self) -> Demonstrations:
        """As many as it will be trained on, so that no prompt comes again before all have come."""
        return Demonstrations(examples=self.training().prompts(), seed=self.seed)

    def training(self) -> ReinforcementLearning:
        return self.configured(ReinforcementLearning)

    def run(
        self,
        out: Path,
        *,
        model: Path,
        data: Path,
        preference_model: Path,
        scratch: Path | None = None,
    ) -> Mapping[str, Any]:
        return self.training().run(
            out, model=model, data=data, preference_model=preference_model, scratch=scratch
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RL(Rewarded):
    """Reinforcement learning against an HHH preference model, which does not see the scratchpad."""

    name: ClassVar[str] = "rl"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "reinforcement learning"

    def lessons(self) -> Demonstrations:
        return self.demonstrations()
