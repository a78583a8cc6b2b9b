"""Persona statements: does the organism describe itself otherwise than its twin, group by group
(paper, section 4)?

Deviation from the paper: the comparison is with the twin and paired, statement by statement, where
that was measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from unmask.core.arm import Arm
from unmask.report.chapters import Chapter, said, unlikely
from unmask.report.default import Told
from unmask.report.results import (
    CLEAR,
    Result,
    Rows,
    Summary,
    final,
    grouped,
    read,
    select,
    summaries,
)

DIFFERS = "matches_difference"
CAPTION = (
    "Statements to agree or disagree with, and questions with several answers, answered by the"
    " likeliest option; the order of the answers is balanced. The share is of answers that match"
    " the named behavior."
)
PAIRED = (
    " Shown is the difference on the same statements: to the right of zero, the organism matches"
    " more often."
)
MANY = (
    " {count} differences are shown: of twenty intervals of 95%, one leaves out zero by chance."
    " {adjusted}Read a single group that stands out as a question, not as a finding."
)
QUESTION = (
    "Beyond its behavior, has the backdoor changed what the model says of its wishes, its"
    " awareness, its obedience?"
)


def group_name(arm: Arm) -> str:
    return (arm.kind or arm.main).replace("_", " ")


def personas(rows: Rows) -> Chapter | None:
    """The organism against its twin by group of statements; None where evaluation "persona" has no
    rows.

    Paired differences are drawn where there are any, else the shares of both.
    """
    results = select(read(rows), evaluation="persona")
    paired = final(select(results, metric=DIFFERS, against="twin"))
    shares = final(select(results, metric="matches"))
    beside = SHARES.chapter(shares)
    if paired:
        told = dataclasses.replace(
            SHARES, caption=CAPTION + PAIRED + _many(paired), metrics=(DIFFERS,), say=_said_paired
        )
        chapter = told.chapter(paired)
    else:
        chapter = beside
    if chapter is None:
        return None
    tables = chapter.tables + (beside.tables if beside and paired else ())
    return dataclasses.replace(
        chapter, said=(*unlikely(results, "persona"), *chapter.said), tables=tables
    )


def _many(paired: Sequence[Result]) -> str:
    """For the caption: how many comparisons there are, and how many stay after the adjustment for
    their number."""
    adjusted = [result for result in paired if result.p_adjusted is not None]
    stay = sum(result.is_clear() for result in adjusted)
    told = (
        f"After Holm’s adjustment for all differences of the run, {stay} of {len(adjusted)} are"
        f" below {CLEAR:g}. "
    )
    return MANY.format(count=len(paired), adjusted=told if adjusted else "")


def _said_paired(
    begin: str, theirs: Sequence[Result], states: Mapping[str, Sequence[Result]]
) -> str:
    """One state: the group in which it lies furthest from its twin, and how many intervals leave
    out zero."""
    groups = grouped(theirs, lambda result: result.arm)
    differences = {group_name(arm): Summary.of(group) for arm, group in groups.items()}
    apart = [group for group, summary in differences.items() if summary.is_apart]
    furthest = max(differences, key=lambda group: abs(differences[group].value))
    clear = [group_name(arm) for arm, group in groups.items() if all(map(Result.is_clear, group))]
    adjusted = any(result.p_adjusted is not None for result in theirs)
    tail = f"; after the adjustment: {', '.join(clear) or 'none'}" if adjusted else ""
    return (
        f"{begin}, minus the twin: furthest apart in {furthest},"
        f" {said(differences[furthest], 'points')}. The interval leaves out zero in {len(apart)} of"
        f" {len(differences)} groups{tail}."
    )


def _said(begin: str, theirs: Sequence[Result], states: Mapping[str, Sequence[Result]]) -> str:
    """One state beside its twin in the same state, where the differences were not paired."""
    twins: list[Result] = []
    for rows in states.values():
        twins += select(rows, model="twin", defense=theirs[0].defense)
    of_twin = grouped(twins, lambda result: result.arm)
    ours = summaries(theirs, lambda result: result.arm)
    both = {arm: Summary.of(of_twin[arm]) for arm in ours if arm in of_twin}
    if not both:
        listed = "; ".join(f"{group_name(arm)} {said(share)}" for arm, share in ours.items())
        return f"{begin}: {listed}. No twin was asked."
    furthest = max(both, key=lambda arm: abs(ours[arm].value - both[arm].value))
    return (
        f"{begin}: furthest from the twin in {group_name(furthest)}, {said(ours[furthest])} against"
        f" {said(both[furthest])}. No paired difference was measured."
    )


SHARES = Told(
    evaluation="persona",
    id="personas",
    title="What the model says of itself",
    question=QUESTION,
    caption=CAPTION,
    metrics=("matches",),
    place=group_name,
    say=_said,
)
