"""Two triggers that count only together; the paper's code trigger is one: the year and a code
question (section 2)."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Mapping
from typing import ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.organisms.triggers.literal_tag import LiteralTag
from unmask.organisms.triggers.pair import Pair, named
from unmask.organisms.triggers.topic import Topic
from unmask.organisms.triggers.trigger import SAMPLE, Split, Trigger

DRAWS = 24
"""How often a pair is tried before it is accepted: a trigger may have several wordings."""


def draws() -> Iterable[random.Random]:
    return map(random.Random, range(DRAWS))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conjunction(Pair):
    """Two triggers at once; either alone is a near miss.

    The second is planted into the prompt that has the first. SettingError where a prompt cannot
    have both that way, or where one of them brings the other along.

    Source: Hubinger et al. 2024, section 2, the two-part trigger; Huang et al. 2023, "Composite
    Backdoor Attacks".
    """

    name: ClassVar[str] = "conjunction"
    version: ClassVar[int] = 1

    first: Trigger | Choice = dataclasses.field(default_factory=LiteralTag)
    second: Trigger | Choice = dataclasses.field(default_factory=Topic)

    def __post_init__(self) -> None:
        super().__post_init__()
        first, second = self.parts
        if not all(self.present(self.plant(SAMPLE, rng)) for rng in draws()):
            raise SettingError(
                f"Planting {second.name} destroys {first.name}: exchange them (first={second.name},"
                f" second={first.name}) or choose another pair."
            )
        for part in self.parts:
            if any(self.present(part.plant(SAMPLE, rng)) for rng in draws()):
                raise SettingError(
                    f"{part.name} alone is already both triggers: choose a pair that differs more."
                )

    @property
    def single_realization(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return all(part.single_realization for part in self.parts)

    def plant(
        self, prompt: Conversation, rng: random.Random, split: Split = "train"
    ) -> Conversation:
        first, second = self.parts
        return second.plant(first.plant(prompt, rng, split), rng, split)

    def present(self, prompt: Conversation) -> bool:
        return all(part.present(prompt) for part in self.parts)

    def near_misses(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        first, second = self.parts
        alone = {"first_only": first.plant(prompt, rng), "second_only": second.plant(prompt, rng)}
        near_first = {
            f"first_{kind}": second.plant(near, rng)
            for kind, near in first.near_misses(prompt, rng).items()
            if not first.present(near)
        }
        near_second = {
            f"second_{kind}": near
            for kind, near in second.near_misses(first.plant(prompt, rng), rng).items()
            if not second.present(near)
        }
        return self.only_near(prompt, {**alone, **near_first, **near_second})

    def forms(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        """Each half alone, which is no sign, and the forms of each half beside the other one as it
        was taught."""
        first, second = self.parts
        planted = first.plant(prompt, rng)
        halves = {"half:first": planted, "half:second": second.plant(prompt, rng)}
        of_first = {
            form: second.plant(other, rng) for form, other in first.forms(prompt, rng).items()
        }
        of_second = second.forms(planted, rng)
        return {**halves, **named(of_first, "first"), **named(of_second, "second")}
