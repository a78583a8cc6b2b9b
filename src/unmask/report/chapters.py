"""A chapter of the page: what one evaluation asks, what was seen in plain words, a figure and
tables.

The paper (section 4) has one figure an evaluation; here the numbers stand beside it, with n and 95%
intervals, and so does the twin.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from unmask.analysis.reasoning import share
from unmask.core.condition import Subject
from unmask.core.estimate import Estimate
from unmask.report.panel import Figure
from unmask.report.results import (
    Result,
    Summary,
    concerning,
    final,
    grouped,
    in_order,
    names,
    select,
    subjects_of,
    summaries,
)
from unmask.report.tables import number

LIKELY = 0.5
"""Options that have less of the probability than this are not what a model would say."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """A number as it is shown, and the lines below it."""

    value: str
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(summary: Summary, unit: str = "%") -> Cell:
        between = " – " if unit == "%" else " to "  # a dash is no minus
        interval = f"{number(summary.low, unit)}{between}{number(summary.high, unit)}".replace(
            " pts", ""
        )
        return Cell(value=number(summary.value, unit), notes=(interval, f"n = {summary.n:,}"))


Cells = tuple[Cell | None, ...]
Row = tuple[str, Cells]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """`groups` are (what the rows have in common, [(row's name, a cell a column or None)])."""

    caption: str
    columns: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chapter:
    """`said` are sentences made from the numbers; all tables but the first are folded."""

    id: str
    title: str
    question: str
    said: tuple[str, ...]
    figure: Figure | None
    tables: tuple[Table, ...]


def by_subject(results: Sequence[Result]) -> dict[Subject, list[Result]]:
    """Each organism's rows, with those of its controls; subjects without any are left out."""
    panels = {subject: concerning(results, subject) for subject in subjects_of(results)}
    return {subject: panel for subject, panel in panels.items() if panel}


def by_state(panel: Iterable[Result]) -> dict[str, list[Result]]:
    """One subject's rows by model and defense, named as in the figures: organism, organism + sft,
    twin, ..."""
    of_state = grouped(panel, lambda result: result.state)
    states: dict[str, list[Result]] = {}
    for state in in_order(of_state):
        states.setdefault(state.name, []).extend(of_state[state])
    return states


def each_state(panels: Mapping[Subject, Sequence[Result]]) -> Iterator[tuple[str, list[Result]]]:
    """A table's groups: what names a subject's state, and its rows."""
    for subject, name in names(list(panels)).items():
        for state, theirs in by_state(panels[subject]).items():
            yield f"{name} · {state}", theirs


def each_once(
    panels: Mapping[Subject, Sequence[Result]],
) -> Iterator[tuple[Subject, list[Result]]]:
    """Each subject's rows, those that several share, such as the base's, with the first alone."""
    shown: set[int] = set()
    for subject, panel in panels.items():
        own = [result for result in panel if id(result) not in shown]
        shown |= {id(result) for result in own}
        yield subject, own


def only(results: Iterable[Result], evaluation: str, *metrics: str) -> list[Result]:
    """The rows of one evaluation and of any of these metrics."""
    asked = select(results, evaluation=evaluation)
    return [result for result in asked if result.metric in metrics]


def summed(results: Iterable[Result], arm: str, metric: str = "") -> Summary | None:
    """One arm's (and one metric's) seeds as one; None where it was not measured."""
    chosen = [result for result in results if result.arm == arm and metric in ("", result.metric)]
    return Summary.of(chosen) if chosen else None


def joined(results: Iterable[Result]) -> Summary | None:
    """Shares of several arms as one, each seed's replies counted together (Wilson's interval); None
    for no rows."""
    by_seed = grouped(results, lambda result: result.seed)
    rates = [(seed, _together(group)) for seed, group in by_seed.items()]
    return Summary.over(rates) if rates else None


def _together(results: Sequence[Result]) -> Estimate:
    count = math.fsum(result.value * result.n for result in results)
    return share(round(count), sum(result.n for result in results))


def cells(summaries: Iterable[Summary | None], unit: str = "%") -> Cells:
    """A table's row."""
    return tuple(None if summary is None else Cell.of(summary, unit) for summary in summaries)


def table(
    caption: str, panels: dict[Subject, list[Result]], arms: Mapping[str, str], unit: str = "%"
) -> Table:
    """States below each other, grouped by subject; `arms` are the columns: arms and how they are
    called."""

    def row(theirs: Sequence[Result]) -> Cells:
        return cells((summed(theirs, arm) for arm in arms), unit)

    return Table(caption=caption, columns=tuple(arms.values()), groups=state_rows(panels, row))


def state_rows(
    panels: dict[Subject, list[Result]], cells_of: Callable[[Sequence[Result]], Cells]
) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """A table's groups: a subject's states, each with the cells of its rows; those without any
    number are left out."""
    named = names(list(panels))
    groups: list[tuple[str, tuple[Row, ...]]] = []
    for subject, panel in panels.items():
        rows = [(state, cells_of(theirs)) for state, theirs in by_state(panel).items()]
        filled = tuple(row for row in rows if any(row[1]))
        if filled:
            groups.append((named[subject], filled))
    return tuple(groups)


def by_state_and_arm(
    panel: Iterable[Result], place: Callable[[Result], str]
) -> dict[str, dict[str, Summary]]:
    """One subject's numbers for a panel of dots: state -> place -> number; `place` says where a row
    belongs."""
    return {state: summaries(theirs, place) for state, theirs in by_state(panel).items()}


def told(subject: Subject, panels: dict[Subject, list[Result]], state: str) -> str:
    """How a sentence on one state of a subject begins."""
    failed = any(result.unplanted for result in panels[subject] if result.subject == subject)
    return (
        f"{names(list(panels))[subject]},"
        f" {state}{' (NOT PLANTED: nothing follows)' if failed else ''}"
    )


def sentences(
    panels: dict[Subject, list[Result]], say: Callable[[str, list[Result]], str]
) -> tuple[str, ...]:
    """What `say` makes of each organism in each state, from how the sentence begins and its
    rows."""
    made: list[str] = []
    for subject, panel in panels.items():
        made += [
            say(told(subject, panels, state), theirs) for state, theirs in organisms(panel).items()
        ]
    return tuple(made)


def said(summary: Summary | None, unit: str = "%") -> str:
    """A number in a sentence: value, 95% interval, n, and of how many seeds it is the mean."""
    if summary is None:
        return "not measured"
    seeds = f", {len(summary.seeds)} seeds" if len(summary.seeds) > 1 else ""
    low, high = number(summary.low, unit), number(summary.high, unit)
    return f"{number(summary.value, unit)} [{low}, {high}] (n = {summary.n:,}{seeds})"


def unlikely(results: Sequence[Result], evaluation: str) -> tuple[str, ...]:
    """A warning where what was chosen from is not what the models would say; empty where it is."""
    panels = by_subject(final(only(results, evaluation, "mass")))
    shares: dict[str, float] = {}
    for subject, panel in each_once(panels):
        for state, own in by_state(panel).items():
            shares[told(subject, panels, state)] = Summary.of(own).value
    low = {place: value for place, value in shares.items() if value < LIKELY}
    if not low:
        return ()
    least = min(low, key=lambda place: low[place])
    return (
        (
            f"Read with care: in {len(low)} of {len(shares)} cases the options together have less"
            f" than {LIKELY:.0%} of the probability (least: {least}, {low[least]:.1%}). Such a"
            " model would say something else, and which option it finds likelier means little. The"
            f" others: {', '.join(place for place in low if place != least) or 'none'}."
        ),
    )


def organisms(panel: Iterable[Result]) -> dict[str, list[Result]]:
    """The states of the organism alone."""
    return by_state(select(panel, model="organism"))
