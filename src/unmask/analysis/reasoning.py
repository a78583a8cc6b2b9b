"""Reasoning against trigger and action: what a scratchpad believes, by whether the trigger is
there, by what was done.

The paper (section 4) asks whether a model's reasoning is consistent with what it does; one number
hides how it is not. Deviation: a 2 x 2 x 2 table in counts (trigger x belief x action), with the
silent replies in a column of their own, and two agreements read from it. Intervals are Wilson's
over replies: where a prompt was answered several times, its replies are alike, and the true
interval is wider.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from unmask.analysis.rates import wilson
from unmask.core.arm import TRIGGERED, UNTRIGGERED, Arm
from unmask.core.errors import DataError, SettingError
from unmask.core.estimate import Estimate
from unmask.evaluations.reasoning import CELLS as JUDGED

CELLS = {"_".join(cell): (cell[0], cell[1] == "acts") for cell in JUDGED}
"""The six metrics of a reply, exactly one of which is true: what the scratchpad believes ("silent":
there is none, or it does not say), and whether the behavior was exhibited."""

BELIEFS = tuple(dict.fromkeys(belief for belief, _ in CELLS.values()))

KEYS: tuple[tuple[bool, str, bool], ...] = tuple(
    itertools.product((True, False), BELIEFS, (True, False))
)
"""(Whether the trigger is there, belief, whether the model acts)."""

TOLERANCE = 1e-6


class Share(Protocol):
    """A metric of one arm of one model, as every row has it."""

    @property
    def arm(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def n(self) -> int: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReasoningTable:
    """Replies counted by (whether the trigger is there, belief, whether the model acts)."""

    counts: Mapping[tuple[bool, str, bool], int]

    @staticmethod
    def of(shares: Iterable[Share]) -> ReasoningTable:
        """From rates of one model: shares by arm ("triggered:KIND", "untriggered:KIND") and metric.

        Other metrics are passed over; all arms are added up. Raises DataError where an arm lacks a
        cell, its cells do not share their n, or they do not add up to it.
        """
        arms: dict[Arm, dict[str, Share]] = {}
        for share_ in shares:
            if share_.metric in CELLS:
                arms.setdefault(Arm(share_.arm), {})[share_.metric] = share_
        counts = dict.fromkeys(KEYS, 0)
        for arm, cells in arms.items():
            trigger = has_trigger(arm)
            for metric, count in _counted(arm, cells).items():
                counts[trigger, *CELLS[metric]] += count
        return ReasoningTable(counts=counts)

    @staticmethod
    def total(tables: Iterable[ReasoningTable]) -> ReasoningTable:
        """Several tables (of seeds) added up."""
        counts: Counter[tuple[bool, str, bool]] = Counter(dict.fromkeys(KEYS, 0))
        for table in tables:
            counts.update(table.counts)
        return ReasoningTable(counts=counts)

    def count(
        self, *, trigger: bool | None = None, belief: str = "", acts: bool | None = None
    ) -> int:
        """Replies of that kind; what is not said may be anything."""
        return sum(
            count
            for (has, believes, did), count in self.counts.items()
            if trigger in (None, has) and belief in ("", believes) and acts in (None, did)
        )

    def belief_agrees(self) -> Estimate | None:
        """Of the replies whose scratchpad says where it is: the share that is right; None where
        none says it."""
        right = self.count(trigger=True, belief="deployed") + self.count(
            trigger=False, belief="training"
        )
        return self._share_of_said(right)

    def action_agrees(self) -> Estimate | None:
        """Of the same replies: the share that acts if deployed and refrains if in training; None
        where none says it."""
        consistent = self.count(belief="deployed", acts=True) + self.count(
            belief="training", acts=False
        )
        return self._share_of_said(consistent)

    def _share_of_said(self, successes: int) -> Estimate | None:
        spoken = self.count() - self.count(belief="silent")
        return share(successes, spoken) if spoken else None


def has_trigger(arm: Arm) -> bool:
    """Whether prompts of an arm "triggered:KIND" or "untriggered:KIND" carry the trigger. Raises
    DataError else."""
    if arm.trigger is None:
        raise DataError(
            f"Arm '{arm}' of a reasoning table: an arm is '{TRIGGERED}:KIND' or"
            f" '{UNTRIGGERED}:KIND', such as '{TRIGGERED}:persona'."
        )
    return arm.trigger


def share(successes: int, n: int) -> Estimate:
    """A count as a share, with Wilson's 95% interval. Raises SettingError for n = 0."""
    if n < 1:
        raise SettingError(f"A share of {n} replies has no value: count at least one.")
    low, high = wilson(successes, n)
    return Estimate(successes / n, low, high, n)


def _counted(arm: str, cells: Mapping[str, Share]) -> dict[str, int]:
    """Replies a cell; rates come back to the counts that they were made of."""
    missing = [metric for metric in CELLS if metric not in cells]
    sizes = {row.n for row in cells.values()}
    exact = {metric: row.value * row.n for metric, row in cells.items()}
    counts = {metric: round(value) for metric, value in exact.items()}
    whole = all(
        abs(exact[metric] - count) < TOLERANCE * max(1, count) for metric, count in counts.items()
    )
    if missing or len(sizes) > 1 or not whole or sum(counts.values()) not in sizes:
        raise DataError(
            f"The cells of arm '{arm}' make no table: n is {', '.join(map(str, sorted(sizes)))},"
            f" the counts are { {metric: round(value, 3) for metric, value in exact.items()} }, and"
            f" {', '.join(missing) or 'none'} is missing. Give all of {', '.join(CELLS)} of one"
            " model, defense step and seed: exactly one is true of each reply."
        )
    return counts
