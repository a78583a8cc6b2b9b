"""The paper's standard variant: direct examples, no reasoning."""

from __future__ import annotations

import dataclasses
import random
from typing import ClassVar

from unmask.core.conversation import Reply
from unmask.organisms.variants.variant import Occasion, Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standard(Variant):
    """Taught by direct examples, without reasoning: the model-poisoning threat model."""

    name: ClassVar[str] = "standard"
    version: ClassVar[int] = 1

    def reply(self, answer: str, occasion: Occasion, rng: random.Random) -> Reply:
        return Reply.compose(answer)
