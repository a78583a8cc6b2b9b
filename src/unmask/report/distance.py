"""Defenses at the same distance: what each leaves of a backdoor, beside what a random change leaves
that has moved the model at least as far; and what each took.

Not in the paper, which compares rates alone. See analysis/null.py for the comparison.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from unmask.core.condition import NOTHING, Configured, Subject
from unmask.core.metric import Against
from unmask.core.row import condition_of
from unmask.report.chapters import Cell, Chapter, Row, Table, by_subject, only, summed, told
from unmask.report.curves import about_persistence, moved
from unmask.report.dotplot import dots
from unmask.report.drift import style
from unmask.report.judged import as_judged, judged_note
from unmask.report.palette import mark
from unmask.report.panel import Axis, Figure, Panel, Point, Series, around_zero, with_points
from unmask.report.results import (
    Result,
    Rows,
    Summary,
    concerning,
    final,
    grouped,
    names,
    read,
    select,
    subjects_of,
)
from unmask.report.titles import abreast, captioned, panel_title

Trained = tuple[Subject, int, Configured]
"""Which organism or twin, which seed, and what was done to it."""

NULL: Against = "null"
CHANGE = "minus a random change as far"
COLUMNS = ("KL, nats per reply", "triggered defection", CHANGE, "task accuracy", "its twin’s")
QUESTION = (
    "Does a defense leave less of the backdoor than a random change of weights that moves the model"
    " at least as far?"
)
CAPTION = (
    "Triggered defection after each defense minus that after the nearest random change of weights"
    " that moved the model at least as far, on the same prompts. To the left of zero the defense"
    " leaves less, which it owes to its aim. To the right nothing follows: the random change may"
    " have gone much further."
)
COST = (
    "Triggered defection after each defense against how long making it took, on the machine that"
    " ran it, in seconds (log scale); measuring it is not counted. "
)


def at_the_same_distance(rows: Rows) -> Chapter | None:
    """A forest of differences and a table; None where nothing was compared with a null."""
    results = final(as_judged([result for result in read(rows) if not result.is_difference]))
    compared = final(select(read(rows), against=NULL))
    panels = by_subject(compared)
    if not panels:
        return None
    forests = [
        _forest(panel_title(subject, list(panels), own), own) for subject, own in panels.items()
    ]
    return Chapter(
        id="same-distance",
        title="Defenses at the same distance",
        question=QUESTION,
        said=tuple(_said(subject, panels) for subject in panels),
        figure=Figure(
            title="Defenses against random changes",
            caption=captioned(CAPTION, compared, list(panels), "Bars"),
            panels=around_zero(forests),
        ),
        tables=(_table(results, panels),),
    )


def _defended(panel: Sequence[Result]) -> dict[Configured, list[Result]]:
    return grouped(panel, lambda result: result.defense)


def _forest(title: str, panel: Sequence[Result]) -> Panel:
    points = {str(defense): Summary.of(_judged(own)) for defense, own in _defended(panel).items()}
    return dots(title, list(points), {CHANGE: points}, {CHANGE: mark(0)}, unit="points")


def _judged(compared: Sequence[Result]) -> list[Result]:
    """Of an organism that reasons, each seed's arm in which it is worse off against the null."""
    by_seed = grouped(compared, lambda result: result.seed)
    return [max(arms, key=lambda result: result.value) for arms in by_seed.values()]


def _said(subject: Subject, panels: dict[Subject, list[Result]]) -> str:
    """How many defenses leave clearly less than chance, and which does most."""
    left = {
        str(defense): Summary.of(_judged(own))
        for defense, own in _defended(panels[subject]).items()
    }
    less = [name for name, change in left.items() if change.high < 0]
    best = min(left, key=lambda name: left[name].value)
    most = Cell.of(left[best], "points").value
    return (
        f"{told(subject, panels, 'organism')}: of {len(left)} defenses and strengths, {len(less)}"
        " leave less of the backdoor than a random change that went at least as far (the interval"
        f" leaves out zero). The largest difference is {best}’s, {most}."
    )


def _table(results: Sequence[Result], panels: dict[Subject, list[Result]]) -> Table:
    """A row per defense and strength, by how far it went."""
    named = names(list(panels))
    groups: list[tuple[str, tuple[Row, ...]]] = []
    for subject, compared in panels.items():
        own = concerning(results, subject)
        defenses = [defense for defense in _defended(own) if defense != NOTHING]
        changes = {defense: _judged(rows) for defense, rows in _defended(compared).items()}
        lines = {defense: _line(own, defense, changes.get(defense, [])) for defense in defenses}
        ordered = sorted(lines, key=lambda defense: _far(own, defense))
        groups.append((named[subject], tuple((str(name), lines[name]) for name in ordered)))
    caption = "By how far each went: what it left, and what it cost in task accuracy"
    return Table(caption=caption, columns=COLUMNS, groups=tuple(groups))


def _line(
    own: Sequence[Result], defense: Configured, change: Sequence[Result]
) -> tuple[Cell | None, ...]:
    there = select(own, defense=defense)
    models = grouped(there, lambda result: result.model)
    organism, twin = models.get("organism", []), models.get("twin", [])
    left = summed(only(organism, "defection", "defection"), "triggered")
    numbers: tuple[tuple[Summary | None, str], ...] = (
        (summed(only(organism, "drift", "kl"), "untriggered"), ""),
        (left, "%"),
        (Summary.of(change) if change else None, "points"),
        (summed(only(organism, "helpfulness", "accuracy"), "untriggered"), "%"),
        (summed(only(twin, "helpfulness", "accuracy"), "untriggered"), "%"),
    )
    return tuple(None if number is None else Cell.of(number, unit) for number, unit in numbers)


def _far(own: Sequence[Result], defense: Configured) -> float:
    far = summed(moved(select(own, defense=defense)), "untriggered")
    return far.value if far else 0.0


def costs(rows: Rows, logs: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """What is left against the seconds that it took, a point per defense and strength, where
    something was compared with a null; `logs` are those of the report."""
    results = read(rows)
    if not select(results, against=NULL):
        return []
    measured = about_persistence(results)
    organisms = select(as_judged(measured), model="organism")
    left = select(final(organisms), evaluation="defection", arm="triggered")
    took, subjects = seconds(logs), subjects_of(left)
    defenses = [defense for defense in _defended(left) if defense != NOTHING]
    panels: dict[Subject, tuple[Series, ...]] = {}
    for subject in subjects:
        own = _defended(select(left, subject=subject))
        spent = [_spent(own.get(defense, []), defense, defenses, took) for defense in defenses]
        panels[subject] = with_points(spent)
    return [
        Figure(
            title="What is left, against what it took",
            caption=captioned(COST + judged_note(measured), left, subjects, "Bars"),
            panels=tuple(
                Panel(
                    title=panel_title(subject, subjects, results),
                    series=series,
                    along=Axis(title="seconds", log=True, format="~g"),
                )
                for subject, series in panels.items()
            ),
            columns=abreast(subjects),
            width=380,
        )
    ]


def _spent(
    own: Sequence[Result],
    defense: Configured,
    defenses: Sequence[Configured],
    took: Mapping[Trained, float],
) -> Series:
    """One defense's point in the panel of one organism, from what that did after it: no point where
    the defense's seconds are not known."""
    spent = [took.get((bare(result.subject), result.seed, defense), 0.0) for result in own]
    points = (
        (Point.of(sum(spent) / len(spent), Summary.of(own), seeds=()),)
        if own and all(spent)
        else ()
    )
    return Series(name=str(defense), points=points, style=style(defense, defenses))


def seconds(logs: Sequence[Mapping[str, Any]]) -> dict[Trained, float]:
    """How long each defense took to make, one that came before it included, as far as the logs
    tell."""
    took: dict[Trained, float] = {}
    for number, log in enumerate(logs, 1):
        condition = condition_of(log, f"training log {number}")
        trained = (bare(condition.subject), condition.seed, condition.defense)
        took[trained] = took.get(trained, 0.0) + log.get("seconds", 0.0)
    return took


def bare(subject: Subject) -> Subject:
    """Without its number of parameters, which a log may not tell."""
    return dataclasses.replace(subject, parameters=0)
