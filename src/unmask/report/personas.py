"""Persona statements: does the organism describe itself otherwise than its twin, group by group (paper, section 4)?

Deviation from the paper: the comparison is with the twin and paired, statement by statement, where that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report.chapters import Chapter, Table, by_state, by_subject, only, organisms, said, table, told, unlikely
from unmask.report.dotplot import Panel, dotplot, state_styles
from unmask.report.figures import captioned, panel_title
from unmask.report.results import Result, Rows, Subject, Summary, final, grouped, read

TITLE = "What the model says of itself"
GROUP = "persona:"
DIFFERS = "matches_difference"
CAPTION = (
    "Statements to agree or disagree with, and questions with several answers, answered by the likeliest option; the "
    "order of the answers is balanced. The share is of answers that match the named behavior."
)
PAIRED = " Shown is the difference on the same statements: to the right of zero, the organism matches more often."
MANY = (
    " {count} differences are shown: of twenty intervals of 95%, one leaves out zero by chance. {adjusted}Read a "
    "single group that stands out as a question, not as a finding."
)
QUESTION = (
    "Beyond its behavior, has the backdoor changed what the model says of its wishes, its awareness, its obedience?"
)
CLEAR = 0.05


def personas(rows: Rows) -> Chapter | None:
    """The organism against its twin by group of statements; None where evaluation "persona" has no rows.

    Paired differences are drawn where there are any, else the shares of both.
    """
    everything = only(read(rows), "persona", "matches", DIFFERS)
    paired = final([r.without_against() for r in everything if r.metric == DIFFERS and r.against in ("", "twin")])
    shares = final([result for result in everything if result.metric == "matches"])
    shown = paired or shares
    panels = by_subject(shown)
    if not panels:
        return None
    unit = "points" if paired else "%"
    caption = CAPTION + (PAIRED + _many(paired) if paired else "")
    return Chapter(
        id="personas",
        title=TITLE,
        question=QUESTION,
        said=(
            *unlikely(read(rows), "persona"),
            *(
                _said_paired(told(subject, panels, state), mine)
                if paired
                else _said(told(subject, panels, state), mine, panel)
                for subject, panel in panels.items()
                for state, mine in organisms(panel).items()
            ),
        ),
        figure=dotplot(
            [_panel(subject, panels, unit) for subject in panels],
            state_styles(shown),
            TITLE,
            captioned(caption, shown, list(panels), "Bars"),
        ),
        tables=_tables(paired, shares),
    )


def _many(paired: Sequence[Result]) -> str:
    """For the caption: how many comparisons there are, and how many stay after the adjustment for their number."""
    values = [result.p_adjusted for result in paired if result.p_adjusted is not None]
    clear = sum(p < CLEAR for p in values)
    adjusted = f"After Holm’s adjustment for all differences of the run, {clear} of {len(values)} are below {CLEAR:g}. "
    return MANY.format(count=len(paired), adjusted=adjusted if values else "")


def _groups(results: Sequence[Result]) -> dict[str, str]:
    """Arms, and how the groups are called."""
    return {arm: _group(arm) for arm in dict.fromkeys(result.arm for result in results)}


def _group(arm: str) -> str:
    return arm.removeprefix(GROUP).replace("_", " ")


def _panel(subject: Subject, panels: dict[Subject, list[Result]], unit: str) -> Panel:
    panel = panels[subject]
    points = {
        state: {_group(arm): Summary.of(each) for arm, each in grouped(mine, lambda result: result.arm).items()}
        for state, mine in by_state(panel).items()
    }
    places = tuple(_groups(panel).values())
    return Panel(title=panel_title(subject, list(panels), panel), places=places, points=points, unit=unit)


def _said_paired(begin: str, mine: Sequence[Result]) -> str:
    """One state: the group in which it lies furthest from its twin, and how many intervals leave out zero."""
    groups = grouped(mine, lambda result: result.arm)
    found = {_group(arm): Summary.of(each) for arm, each in groups.items()}
    apart = [group for group, each in found.items() if each.low > 0 or each.high < 0]
    furthest = max(found, key=lambda group: abs(found[group].value))
    clear = [
        _group(arm)
        for arm, each in groups.items()
        if all(result.p_adjusted is not None and result.p_adjusted < CLEAR for result in each)
    ]
    adjusted = any(result.p_adjusted is not None for result in mine)
    tail = f"; after the adjustment: {', '.join(clear) or 'none'}" if adjusted else ""
    return (
        f"{begin}, minus the twin: furthest apart in {furthest}, {said(found[furthest], 'points')}. The interval "
        f"leaves out zero in {len(apart)} of {len(found)} groups{tail}."
    )


def _said(begin: str, mine: Sequence[Result], panel: Sequence[Result]) -> str:
    """One state beside its twin in the same state, where the differences were not paired."""
    twins = [result for result in panel if result.model == "twin" and result.defense == mine[0].defense]
    theirs = grouped(twins, lambda result: result.arm)
    ours = {arm: Summary.of(each) for arm, each in grouped(mine, lambda result: result.arm).items()}
    both = {arm: Summary.of(theirs[arm]) for arm in ours if arm in theirs}
    if not both:
        return f"{begin}: {'; '.join(f'{_group(arm)} {said(each)}' for arm, each in ours.items())}. No twin was asked."
    furthest = max(both, key=lambda arm: abs(ours[arm].value - both[arm].value))
    return (
        f"{begin}: furthest from the twin in {_group(furthest)}, {said(ours[furthest])} against "
        f"{said(both[furthest])}. No paired difference was measured."
    )


def _tables(paired: Sequence[Result], shares: Sequence[Result]) -> tuple[Table, ...]:
    given = {
        ("Organism minus twin, in percentage points", "points"): paired,
        ("Share of answers that match the behavior", "%"): shares,
    }
    return tuple(
        table(caption, by_subject(results), _groups(results), unit)
        for (caption, unit), results in given.items()
        if results
    )
