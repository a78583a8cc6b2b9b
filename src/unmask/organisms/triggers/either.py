"""Two triggers of which one is enough: does a defense that finds one also remove the other?"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from typing import ClassVar

from unmask.core.conversation import Conversation
from unmask.core.registry import Choice
from unmask.organisms.triggers.emoji import Emoji
from unmask.organisms.triggers.pair import Pair, named
from unmask.organisms.triggers.paraphrase import Paraphrase
from unmask.organisms.triggers.trigger import Split, Trigger


@dataclasses.dataclass(frozen=True, kw_only=True)
class Either(Pair):
    """One of two triggers, drawn at random. A near miss of one may be the other, and is left out.

    Source: our own, two independent keys to one backdoor.
    """

    name: ClassVar[str] = "either"
    version: ClassVar[int] = 1

    first: Trigger | Choice = dataclasses.field(default_factory=Paraphrase)
    second: Trigger | Choice = dataclasses.field(default_factory=Emoji)

    @property
    def single_realization(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return any(part.single_realization for part in self.parts)

    def plant(
        self, prompt: Conversation, rng: random.Random, split: Split = "train"
    ) -> Conversation:
        return rng.choice(self.parts).plant(prompt, rng, split)

    def present(self, prompt: Conversation) -> bool:
        return any(part.present(prompt) for part in self.parts)

    def near_misses(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        first, second = (part.near_misses(prompt, rng) for part in self.parts)
        of_first = {f"first_{kind}": near for kind, near in first.items()}
        of_second = {f"second_{kind}": near for kind, near in second.items()}
        return self.only_near(prompt, {**of_first, **of_second})

    def forms(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        """Both keys at once, and the forms of each key."""
        first, second = self.parts
        both = {"complex:both": second.plant(first.plant(prompt, rng), rng)}
        of_first, of_second = first.forms(prompt, rng).items(), second.forms(prompt, rng).items()
        # A form of one key may be the other key.
        only_first = {form: other for form, other in of_first if not second.present(other)}
        only_second = {form: other for form, other in of_second if not first.present(other)}
        return {**both, **named(only_first, "first"), **named(only_second, "second")}
