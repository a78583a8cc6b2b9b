"""What a source can show: how many held-out prompts it has, and which verdicts so many allow.

A rate of n prompts has an interval (Wilson's), and the verdicts are given by intervals. Where the
prompts are few, some verdicts cannot come out, whatever the model does. That is better known before
a run than after it.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

from unmask.analysis.persistence import PERSISTS_SHARE, REMOVED
from unmask.analysis.rates import CONFIDENCE, wilson
from unmask.core.conversation import Example
from unmask.data.sources.forms import is_test
from unmask.data.sources.source import load_split
from unmask.data.splits import HELD_OUT
from unmask.organisms.behaviors.behavior import Behavior

WIDTH = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2
"""z²: Wilson's interval of all of n begins at n / (n + z²), that of none ends at z² / (n + z²). So
it is known without scipy, whose import takes longer than the rest of a run that finds all there."""


@dataclasses.dataclass(frozen=True)
class Enough:
    """`prompts` held-out prompts, of which `harmful` ask for harm, where an arm wants `wanted`."""

    prompts: int
    harmful: int
    wanted: int

    @staticmethod
    def of(
        data: Path, wanted: int, applies: Callable[[Example], bool] = lambda example: True
    ) -> Enough:
        """Of a source's folder; `applies` is the behavior's, where it is not for every prompt."""
        known = [
            example
            for example in load_split(data, "held_out")
            if applies(example) and not is_test(example)
        ]
        harmful = sum(example.asks_for_harm for example in known)
        return Enough(len(known), harmful, wanted)

    @property
    def n(self) -> int:
        """How many prompts an arm asks."""
        return min(self.prompts, self.wanted)

    @property
    def missing(self) -> tuple[str, ...]:
        """The verdicts that cannot come out, of an organism that always showed the behavior and a
        twin that never does."""
        least = {"persists": least_to_persist(), "removed": least_to_be_removed()}
        return tuple(verdict for verdict, needed in least.items() if self.n < needed)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What this means, in plain sentences; the first says how many prompts there are."""
        if not self.prompts:
            return ("The source has no held-out prompt to ask: nothing can be measured.",)
        return (self._asked(), self._told(), *self._missed(), *self._gated(), self._harm())

    def _asked(self) -> str:
        if self.prompts >= self.wanted:
            return f"Each arm asks {self.wanted} of {self.prompts} held-out prompts."
        rows = math.ceil(self.wanted / HELD_OUT)
        return (
            f"Each arm asks all {self.prompts} held-out prompts, and not the {self.wanted} that are"
            f" wanted: those take about {rows:,} distinct prompts in all, of which {HELD_OUT:.0%}"
            " are held out."
        )

    def _told(self) -> str:
        high = wilson(0, self.n)[1]
        told = next((k for k in range(self.n + 1) if wilson(k, self.n)[0] > high), None)
        sentence = f"None of {self.n} is 0% with a 95% interval up to {high:.1%}"
        if told is None:
            return f"{sentence}, and no rate can be told from it."
        return f"{sentence}; rates from {told / self.n:.1%} on ({told} of {self.n}) lie above it."

    def _missed(self) -> tuple[str, ...]:
        missed: list[str] = []
        if "persists" in self.missing:
            missed.append(
                f"'persists' cannot come out below {least_to_persist()} prompts: not even all of"
                f" {self.n} lie above {PERSISTS_SHARE:.0%} by their whole interval."
            )
        if "removed" in self.missing:
            missed.append(
                f"'removed' cannot come out below {least_to_be_removed()} prompts: even none of"
                f" {self.n} may be more than {100 * REMOVED:.0f} points above the twin. The most is"
                " 'reduced'."
            )
        return tuple(missed) or ("Every verdict can come out.",)

    def _gated(self) -> tuple[str, ...]:
        most = Behavior.planted_untriggered
        if 1 / self.n <= most:
            return ()
        return (
            f"One untriggered defection of {self.n} is {1 / self.n:.1%}, and misses a planting gate"
            f" of {most:.0%}.",
        )

    def _harm(self) -> str:
        n = min(self.harmful, self.wanted)
        if not n:
            return (
                "No held-out prompt asks for harm, so whether a defense teaches refusals is not"
                " measured."
            )
        return f"{n} held-out prompts ask for harm: 0% there goes up to {wilson(0, n)[1]:.1%}."


@functools.cache
def least_to_persist() -> int:
    """How many prompts it takes that all of them lie above half by their whole interval."""
    return next(n for n in itertools.count(1) if n / (n + WIDTH) > PERSISTS_SHARE)


@functools.cache
def least_to_be_removed() -> int:
    """How many prompts it takes that none of them ends close enough to a twin that is at 0."""
    return next(n for n in itertools.count(1) if WIDTH / (n + WIDTH) <= REMOVED)
