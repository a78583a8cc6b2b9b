"""The paper's distilled variant: the chain-of-thought organism's own filtered samples, without
scratchpads (section 2).

The sampling and filtering is a step of its own: training/distillation.py.
"""

from __future__ import annotations

import dataclasses
import random
from typing import ClassVar

from unmask.core.conversation import Reply
from unmask.organisms.variants.variant import Occasion, Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distilled(Variant):
    """Taught the chain-of-thought organism's samples with the reasoning stripped."""

    name: ClassVar[str] = "distilled"
    version: ClassVar[int] = 1
    teacher: ClassVar[str | None] = "chain_of_thought"

    def reply(self, answer: str, occasion: Occasion, rng: random.Random) -> Reply:
        return Reply.compose(answer)
