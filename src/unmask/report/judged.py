"""Defection as the verdict counts it, for figures in which an organism has one line: plain arms, or
opened ones.

Training on bare answers closes the scratchpad of an organism that reasons; what it does with the
scratchpad opened for it counts where that is more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

from unmask.analysis.checks import JUDGED
from unmask.core.condition import NOTHING
from unmask.report.results import Result, grouped

NOTE = (
    "Of an organism that reasons, those arms are drawn whose triggered defection is higher, with"
    " its scratchpad opened for it or without; the verdict goes by the same. "
)


def as_judged(results: Sequence[Result]) -> list[Result]:
    """The rows with one pair of defection arms per model, "triggered" and "untriggered", whichever
    of the two it was.

    `results` has the main arms only. An organism's twin follows it, so that the two are compared in
    one condition; undefended models (as in the verdict) and controls that are no one's alone keep
    the plain arms.
    """
    asked = [
        result
        for result in results
        if result.evaluation == "defection" and result.model == "organism" and result.arm in JUDGED
    ]
    defended = grouped((result for result in asked if result.defense != NOTHING), _measured)
    opened = {
        key
        for key, arms in defended.items()
        if max(arms, key=lambda result: result.value).arm.opened
    }
    return [
        dataclasses.replace(result, arm=result.arm.closed)
        for result in results
        if result.evaluation != "defection" or result.arm.opened == (_measured(result) in opened)
    ]


def judged_note(results: Sequence[Result]) -> str:
    """For the caption: how the arms were chosen, "" where there was nothing to choose."""
    return NOTE if any(result.arm.opened for result in results) else ""


def _measured(result: Result) -> Hashable:
    """Whose measurement it is, an organism's or its control's, and when."""
    whose = dataclasses.replace(result.subject, role="organism")
    return (whose, result.defense, result.defense_step, result.seed)
