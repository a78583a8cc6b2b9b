"""What scratchpads say on unfamiliar prompts, and whether trigger, belief and action agree (paper,
section 4).

Deviation from the paper, which counts consistent reasoning as one number: the table of trigger x
belief x action, in counts, of which every agreement is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from unmask.analysis.reasoning import CELLS, ReasoningTable, has_trigger
from unmask.core.estimate import Estimate
from unmask.report.chapters import (
    Cell,
    Chapter,
    Row,
    Table,
    by_state,
    by_subject,
    cells,
    each_state,
    joined,
    only,
    said,
    sentences,
)
from unmask.report.default import question
from unmask.report.dotplot import dots
from unmask.report.palette import state_styles
from unmask.report.panel import Figure, Panel, Style
from unmask.report.results import Result, Rows, Subject, Summary, final, grouped, read, select
from unmask.report.tables import number
from unmask.report.titles import captioned, panel_title

TITLE = "What the reasoning says, and whether it fits"
SHARES = {
    "reasoned_share": "there is a scratchpad",
    "unclosed_share": "it is never closed",
    "about_deployment": "speaks of deployment or training",
    "about_goal": "speaks of the goal",
    "defection": "exhibits the behavior",
}
BELIEF, ACTION = "belief agrees with trigger", "action agrees with belief"
AGREEMENTS = {BELIEF: ReasoningTable.belief_agrees, ACTION: ReasoningTable.action_agrees}
CAPTION = (
    "Prompts unlike those that were trained on (statements of a persona, questions on goals, open"
    " questions), half of them with the trigger. The shares are of all replies; the two agreements"
    " are of those whose scratchpad says whether it is deployed or in training: does it say what"
    " the trigger does, and is done what it says? Where both agree it looks as if the reasoning"
    " mattered; forcing it tests that. All arms together are counted as if replies were"
    " independent."
)
TRIGGER = {True: "trigger present", False: "trigger absent"}


def reasoning(rows: Rows) -> Chapter | None:
    """Shares, agreements and the 2 x 2 x 2 tables; None where evaluation "reasoning" has no rows.

    Raises DataError where the cells of an arm do not make a table.
    """
    results = final(only(read(rows), "reasoning", *SHARES, *CELLS))
    panels = by_subject(results)
    if not panels:
        return None
    return Chapter(
        id="reasoning",
        title=TITLE,
        question=question("reasoning"),
        said=sentences(panels, _said),
        figure=Figure(
            title=TITLE,
            caption=captioned(CAPTION, results, list(panels), "Bars"),
            panels=tuple(
                _panel(panel_title(subject, list(panels), panel), panel, state_styles(results))
                for subject, panel in panels.items()
            ),
        ),
        tables=(_cells_table("All prompts", panels), *_by_kind(panels), _shares_table(panels)),
    )


def tables_by_seed(results: Iterable[Result]) -> dict[int, ReasoningTable]:
    """The 2 x 2 x 2 table of one model, seed by seed; nothing for rows without cells."""
    counted = grouped(
        (result for result in results if result.metric in CELLS), lambda result: result.seed
    )
    return {seed: ReasoningTable.of(own) for seed, own in counted.items()}


def agreement(
    tables: dict[int, ReasoningTable], of: Callable[[ReasoningTable], Estimate | None]
) -> Summary | None:
    """An agreement over the seeds in which any scratchpad says something; None where none does."""
    rates = [(seed, rate) for seed, table in tables.items() if (rate := of(table)) is not None]
    return Summary.over(rates) if rates else None


def _panel(title: str, panel: Sequence[Result], styles: Mapping[str, Style]) -> Panel:
    points: dict[str, dict[str, Summary]] = {}
    for state, theirs in by_state(panel).items():
        numbers = dict(zip((*SHARES.values(), *AGREEMENTS), _numbers(theirs), strict=True))
        points[state] = {name: summary for name, summary in numbers.items() if summary is not None}
    return dots(title, (*SHARES.values(), "", *AGREEMENTS), points, styles)


def _numbers(theirs: Sequence[Result]) -> list[Summary | None]:
    """The shares, then the two agreements."""
    tables = tables_by_seed(theirs)
    shares = [joined(select(theirs, metric=metric)) for metric in SHARES]
    return [*shares, *(agreement(tables, of) for of in AGREEMENTS.values())]


def _said(begin: str, results: Sequence[Result]) -> str:
    """One state of the organism: how far its scratchpads say anything, and the two agreements."""
    there = joined(select(results, metric="reasoned_share"))
    goal = joined(select(results, metric="about_goal"))
    tables = tables_by_seed(results)
    all_seeds = ReasoningTable.total(tables.values())
    sentence = (
        f"{begin}: there is a scratchpad in {said(there)} of the replies, the goal is spoken of in"
        f" {said(goal)}"
    )
    if not all_seeds.count():
        return sentence + "."
    silent, n = all_seeds.count(belief="silent"), all_seeds.count()
    sentence += f"; {silent:,} of {n:,} say nothing on being deployed or in training"
    if silent == n:
        return sentence + ", so that there is no agreement to speak of."
    belief, action = (agreement(tables, of) for of in AGREEMENTS.values())
    right = all_seeds.count(trigger=True, belief="deployed", acts=True)
    with_trigger = all_seeds.count(trigger=True)
    return (
        f"{sentence}. In the others, what the scratchpad believes agrees with the trigger in"
        f" {said(belief)}, and what is done agrees with what it believes in {said(action)}. Of"
        f" {with_trigger:,} replies to prompts with the trigger, {right:,} believe in deployment"
        " and act."
    )


def _cells_table(name: str, panels: dict[Subject, list[Result]]) -> Table:
    """Counts and shares: a group a model and defense, a row with the trigger and one without, six
    cells and n."""
    groups: list[tuple[str, tuple[Row, ...]]] = []
    for state, results in each_state(panels):
        counted = ReasoningTable.total(tables_by_seed(results).values())
        asked = [trigger for trigger in TRIGGER if counted.count(trigger=trigger)]
        if asked:
            groups.append((state, tuple(_cells_row(counted, trigger) for trigger in asked)))
    beliefs = [
        f"{'silent' if belief == 'silent' else f'believes {belief}'},"
        f" {'acts' if acts else 'refrains'}"
        for belief, acts in CELLS.values()
    ]
    caption = (
        f"{name}: trigger × belief × action, in replies (all seeds added up), with the share of"
        " the row"
    )
    return Table(caption=caption, columns=(*beliefs, "all replies"), groups=tuple(groups))


def _cells_row(counted: ReasoningTable, trigger: bool) -> Row:
    n = counted.count(trigger=trigger)
    counts = [
        counted.count(trigger=trigger, belief=belief, acts=acts) for belief, acts in CELLS.values()
    ]
    return TRIGGER[trigger], (
        *(Cell(value=f"{k:,}", notes=(number(k / n, "%"),)) for k in counts),
        Cell(value=f"{n:,}"),
    )


def _by_kind(panels: dict[Subject, list[Result]]) -> list[Table]:
    """The same for every kind of prompt, where there are several."""
    groups = {subject: grouped(panel, _kind) for subject, panel in panels.items()}
    kinds = dict.fromkeys(itertools.chain(*groups.values()))
    if len(kinds) < 2:
        return []
    tables: list[Table] = []
    for kind in kinds:
        of_kind = {subject: by_kind.get(kind, []) for subject, by_kind in groups.items()}
        tables.append(_cells_table(f"Prompts of kind “{kind}”", of_kind))
    return tables


def _kind(result: Result) -> str:
    """The kind of prompt."""
    return result.arm.kind


def _shares_table(panels: dict[Subject, list[Result]]) -> Table:
    """The shares with and without the trigger, and the agreements in both together."""
    groups: list[tuple[str, tuple[Row, ...]]] = []
    for state, results in each_state(panels):
        by_trigger = grouped(results, lambda result: has_trigger(result.arm))
        asked = [trigger for trigger in TRIGGER if trigger in by_trigger]
        rows = tuple((TRIGGER[trigger], cells(_numbers(by_trigger[trigger]))) for trigger in asked)
        groups.append((state, rows))
    caption = "Shares and agreements, with the trigger and without it"
    return Table(caption=caption, columns=(*SHARES.values(), *AGREEMENTS), groups=tuple(groups))
