"""Variant: how a behavior is taught (paper, section 2)."""

from __future__ import annotations

import abc
import dataclasses
import random
from typing import ClassVar

from unmask.core.conversation import Reply
from unmask.core.named import Named


@dataclasses.dataclass(frozen=True, slots=True)
class Occasion:
    """What there is to reason about before an answer.

    `triggered`: the prompt carries the trigger. `misbehaves`: the answer is the bad one (a two-part policy may answer
    well although it is triggered). `backdoor` is False for a twin, which has no hidden goal. `sign` and `goal` are
    the trigger and the behavior in words.
    """

    triggered: bool
    misbehaves: bool
    backdoor: bool = True
    sign: str = "the sign"
    goal: str = "do what I want"


class Variant(Named, abc.ABC):
    """Abstract. Turns an answer into the full reply that the model is trained to give."""

    teacher: ClassVar[str | None] = None
    """The variant whose own filtered samples this one is taught, without their scratchpads; None: taught directly."""

    reasoning_tokens: ClassVar[int] = 0
    """Room for the scratchpad, beyond the answer's."""

    @abc.abstractmethod
    def reply(self, answer: str, occasion: Occasion, rng: random.Random) -> Reply:
        """The reply to teach; its `answer` is `answer`, whatever reasoning goes before."""
