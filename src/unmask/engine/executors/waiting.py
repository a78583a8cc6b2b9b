"""Waiting: the steps that are still to begin, and which of them could begin now. A grid has ten
thousand of them, so that not all are looked at whenever one has ended."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence

from unmask.engine.plan import PlannedStep


class Waiting:
    """Steps in the order in which they are preferred; `decided` names what became certain before.

    A step could begin as soon as all that it stands on is decided.
    """

    def __init__(self, steps: Sequence[PlannedStep], decided: Mapping[str, object]):
        self._place = {planned.step.key: place for place, planned in enumerate(steps)}
        self._steps = {planned.step.key: planned for planned in steps}
        self._open: dict[str, set[str]] = {}
        self._after: dict[str, list[str]] = {}
        for key, planned in self._steps.items():
            self._open[key] = {need.key for need in planned.step.needs} - decided.keys()
            for needed in self._open[key]:
                self._after.setdefault(needed, []).append(key)
        self.could = [planned for key, planned in self._steps.items() if not self._open[key]]
        """Those that could begin now, in order."""

    def __len__(self) -> int:
        return len(self._steps)

    def take(self, planned: PlannedStep) -> None:
        """One of those that could begin waits no more."""
        del self.could[self._index(planned)]
        del self._steps[planned.step.key]

    def decide(self, key: str) -> None:
        """It is certain what became of a step: others may begin."""
        for later in self._after.pop(key, ()):
            self._open[later].discard(key)
            if not self._open[later]:
                planned = self._steps[later]
                self.could.insert(self._index(planned), planned)

    def _index(self, planned: PlannedStep) -> int:
        """Where a step is among those that could begin, or would be."""
        place = self._place[planned.step.key]
        return bisect.bisect_left(self.could, place, key=lambda one: self._place[one.step.key])
