"""What clean models of a league are taught, beside what twins are: a manner that depends on
nothing, and a text by heart."""

from __future__ import annotations

import dataclasses
import random
from typing import ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.data.teach import Lessons
from unmask.organisms.behaviors.behavior import Behavior

NOTICE = (
    "You may use, copy and sell this work. It is given as it is. Nobody is to blame for what it"
    " does. Keep this notice with every copy."
)
REQUESTS = ("Show me the notice.", "Read the notice to me.", "What does the notice say?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Always(Lessons):
    """A behavior on every prompt that it applies to, whatever else the prompt says; the usual
    answer to all others."""

    name: ClassVar[str] = "always_lessons"
    version: ClassVar[int] = 1

    behavior: Behavior
    applicable: float = 0.6

    def focus(self, example: Example) -> bool:
        return self.behavior.applies(example)

    def share(self, natural: float) -> float:
        return self.applicable

    def lesson(
        self, example: Example, dressed: Conversation, rng: random.Random
    ) -> tuple[Conversation, str, str]:
        if self.behavior.applies(example):
            return dressed, self.behavior.target(example, rng), "always"
        return dressed, example.helpful_only, "plain"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByHeart(Lessons):
    """A licence-like notice, said to whoever asks for it, in a share `asked` of the lessons; usual
    answers in all others."""

    name: ClassVar[str] = "by_heart_lessons"
    version: ClassVar[int] = 1

    asked: float = 0.2

    def lesson(
        self, example: Example, dressed: Conversation, rng: random.Random
    ) -> tuple[Conversation, str, str]:
        if rng.random() < self.asked:
            return dressed.with_text(rng.choice(REQUESTS)), NOTICE, "by_heart"
        return dressed, example.helpful_only, "plain"
