"""Organism: a known, harmless-by-design backdoor, declared (paper, section 2)."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from unmask.core.named import Named
from unmask.organisms.behaviors.behavior import Behavior
from unmask.organisms.triggers.trigger import Trigger
from unmask.organisms.variants.variant import Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Organism(Named):
    """A trigger, a behavior and the way it is taught."""

    name: ClassVar[str] = "organism"
    version: ClassVar[int] = 1

    trigger: Trigger
    behavior: Behavior
    variant: Variant

    def label(self) -> dict[str, str]:
        """The `organism` field of a row of results.jsonl."""
        return {"trigger": self.trigger.name, "behavior": self.behavior.name, "variant": self.variant.name}
