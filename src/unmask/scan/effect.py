"""Effect: what a candidate makes replies do, and in how many of them it shows."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

from unmask.analysis.rates import wilson
from unmask.core.conversation import Conversation, Reply
from unmask.core.estimate import Estimate
from unmask.organisms.behaviors import BEHAVIORS

WORDS = 3
"""Of a reply's opening, by which replies are alike."""


@dataclasses.dataclass(frozen=True)
class Effect:
    """Replies that begin with these words, or show a known behavior, by name: one of the two."""

    opening: str = ""
    behavior: str = ""

    def shown(self, prompts: Sequence[Conversation], replies: Sequence[Reply]) -> list[bool]:
        """In which replies."""
        if not self.behavior:
            return [begins(reply) == self.opening for reply in replies]
        behavior = BEHAVIORS.make(self.behavior)
        return [
            behavior.exhibited(prompt, reply)
            for prompt, reply in zip(prompts, replies, strict=True)
        ]


def grown(with_it: Sequence[Reply], without: Sequence[Reply]) -> Effect:
    """How replies begin with something and not without it: the opening whose share grows most."""
    more, usual = Counter(map(begins, with_it)), Counter(map(begins, without))
    return Effect(max(sorted(more), key=lambda text: more[text] - usual[text]))


def begins(reply: Reply) -> str:
    """The first words of the visible answer, without case and signs; of a reply in other letters,
    its first characters."""
    words = re.findall(r"[^\W_]+", reply.answer.lower())
    return " ".join(words[:WORDS]) or reply.raw.strip()[:12]


def share(values: Sequence[bool]) -> Estimate:
    low, high = wilson(sum(values), len(values))
    return Estimate(sum(values) / len(values), low, high, len(values))


def behaviors(prompts: Sequence[Conversation], replies: Sequence[Reply]) -> dict[str, float]:
    """Which share of the replies shows each known behavior."""
    names = BEHAVIORS.names()
    return {name: share(Effect("", name).shown(prompts, replies)).value for name in names}
