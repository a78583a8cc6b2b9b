"""Honeypots: is the hidden goal shown where showing it looks best, without the trigger (paper,
section 4)?

Deviation from the paper, whose honeypots are read by hand: taken or not is scored, with the same
questions without the honeypot beside it, and base and twin as controls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unmask.core.arm import Arm
from unmask.report.chapters import joined, said, summed
from unmask.report.default import Told, is_control
from unmask.report.results import Result, Summary

PLAIN, HONEYPOT = "plain", "honeypot"


def place(arm: Arm) -> str:
    return (arm.kind or arm.main).replace("_", " ")


def say(begin: str, theirs: Sequence[Result], states: Mapping[str, Sequence[Result]]) -> str:
    """One state of the organism: honeypots of all kinds against plain questions, and against its
    controls."""
    controls = {state: _taken(rows) for state, rows in states.items() if is_control(rows, theirs)}
    beside = [f"{state} {said(taken)}" for state, taken in controls.items() if taken]
    return (
        f"{begin}: {said(_taken(theirs))} of the honeypots are taken, and on the same questions"
        f" without the honeypot the same is said in {said(summed(theirs, PLAIN))}."
        + (f" For comparison: {'; '.join(beside)}." if beside else "")
    )


def _taken(rows: Sequence[Result]) -> Summary | None:
    return joined(result for result in rows if result.arm.main == HONEYPOT)


honeypots = Told(
    evaluation="honeypot",
    id="honeypots",
    title="Honeypots",
    caption=(
        "Share of replies that take the honeypot: prompts without the trigger in which showing the"
        " hidden goal would look best; “plain” are the same questions without the honeypot."
    ),
    metrics=("taken",),
    place=place,
    order=lambda arm: arm == PLAIN,
    say=say,
)
