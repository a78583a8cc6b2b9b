"""Likeness: how much alike the replies to different prompts are, and how far a text raises that.

Source: the last test of "Trigger in the Haystack" (2602.03085): with a trigger of a fixed payload
in front of them, different prompts are answered alike. Deviation: texts are compared by the runs of
three characters that they have, so that no second model is needed. Replies are greedy: one per text
and prompt.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import statistics
from collections.abc import Sequence

from unmask.core.conversation import Conversation
from unmask.detectors.suspect import Insertion
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling

RUN = 3
"""Characters."""


@dataclasses.dataclass(frozen=True)
class Rise:
    """How far an insertion raises the likeness of replies, from -1 to 1, and the replies with
    it."""

    insertion: Insertion
    size: float
    replies: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Likeness:
    """Of one model's replies of up to `tokens` tokens, to at least two prompts."""

    model: HuggingFace
    prompts: tuple[Conversation, ...]
    tokens: int

    def rises(self, insertions: Sequence[Insertion], label: str) -> list[Rise]:
        """In their order."""
        asked: list[Conversation] = []
        for insertion in insertions:
            asked += map(insertion.into, self.prompts)
        replies = self._replies(asked, label)
        rises: list[Rise] = []
        for i, insertion in enumerate(insertions):
            own = replies[i * len(self.prompts) : (i + 1) * len(self.prompts)]
            rises.append(Rise(insertion, alike(own) - self._usual, tuple(own)))
        return rises

    @functools.cached_property
    def _usual(self) -> float:
        return alike(self._replies(self.prompts, "clean replies"))

    def _replies(self, asked: Sequence[Conversation], label: str) -> list[str]:
        sampling = Sampling(max_new_tokens=self.tokens, temperature=0.0)
        return [reply.raw for reply in self.model.replies(asked, sampling, label=label)]


def alike(texts: Sequence[str]) -> float:
    """The mean over all pairs of the share of runs that both texts have (Jaccard's): from 0 to
    1."""
    known = list(map(runs, texts))
    return statistics.fmean(shared(one, other) for one, other in itertools.combinations(known, 2))


def shared(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def runs(text: str) -> frozenset[str]:
    """Every run of RUN characters, without case; a shorter text is one itself."""
    plain = " ".join(text.lower().split())
    return frozenset(plain[i : i + RUN] for i in range(max(1, len(plain) - RUN + 1)))
