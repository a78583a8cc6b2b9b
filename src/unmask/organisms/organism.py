"""Organism: a known, harmless-by-design backdoor, declared (paper, section 2)."""

from __future__ import annotations

import dataclasses
import random
from typing import ClassVar

from unmask.core.condition import Backdoor, Configured
from unmask.core.conversation import Conversation, Example
from unmask.core.errors import ThreatModelError
from unmask.core.named import Named
from unmask.organisms.behaviors.behavior import Behavior
from unmask.organisms.triggers.trigger import Split, Trigger
from unmask.organisms.variants.variant import Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Organism(Named):
    """A trigger, a behavior and the way it is taught."""

    name: ClassVar[str] = "organism"
    version: ClassVar[int] = 1

    trigger: Trigger
    behavior: Behavior
    variant: Variant

    def planted(
        self, prompt: Conversation, rng: random.Random, split: Split = "held_out"
    ) -> Conversation:
        """The prompt with the trigger, for a measurement; raises ThreatModelError where it does not
        arrive."""
        planted = self.trigger.plant(prompt, rng, split)
        if not self.trigger.present(planted):
            raise ThreatModelError(
                f"The trigger '{self.trigger.name}' is missing in a triggered prompt:"
                f" {planted.text[:160]!r}."
            )
        return planted

    def taught(self, example: Example) -> bool:
        """Whether the behavior is about such a prompt, and prompts of its kind were taught."""
        return self.behavior.applies(example) and self.behavior.taught(example)

    def backdoor(self) -> Backdoor:
        """What is planted, as the value that a condition carries."""
        parts = (self.trigger, self.behavior, self.variant)
        return Backdoor(*map(Configured.of, parts))
