"""Supervised safety training on helpful, honest and harmless demonstrations (paper, section 3).

Deviation from the paper: demonstrations come from a source with known good answers, not from a stronger model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.spec import RUN_ONLY
from unmask.data.teach import Demonstrations
from unmask.defenses.defense import Defense
from unmask.training.sft import SupervisedFineTuning, step_folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class SFT(Defense):
    """Supervised fine-tuning on HHH demonstrations."""

    name: ClassVar[str] = "sft"
    version: ClassVar[int] = 1

    steps: int = 150
    batch_size: int = 64
    learning_rate: float = 3e-4
    warmup: int = 10
    optimizer: str = "adamw_torch"
    curve: tuple[int, ...] = (10, 25, 50, 100)
    seed: int = 0
    tokens_per_example: int = dataclasses.field(default=32, metadata=RUN_ONLY)

    def tokens(self) -> int:
        return self._training().tokens()

    def checkpoints(self) -> dict[int, str]:
        return {**{step: step_folder(step) for step in self.curve if step < self.steps}, self.steps: ""}

    def lessons(self) -> Demonstrations:
        return Demonstrations(examples=self.steps * self.batch_size, seed=self.seed)

    def _training(self) -> SupervisedFineTuning:
        return SupervisedFineTuning(
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup=self.warmup,
            optimizer=self.optimizer,
            curve=tuple(step for step in self.curve if step < self.steps),
            seed=self.seed,
            tokens_per_example=self.tokens_per_example,
        )

    def run(self, out: Path, *, model: Path, data: Path, scratch: Path | None = None) -> Mapping[str, Any]:
        return self._training().run(out, model=model, data=data, scratch=scratch)
