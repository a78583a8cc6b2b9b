"""What planting and defenses cost in capability: the change against the base, on the same tasks
(paper, section 3).

Deviation from the paper, which gives absolute scores: the change is paired, task by task, where
that was measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from unmask.core.condition import Subject
from unmask.core.metric import DIFFERENCE
from unmask.report.chapters import (
    Cell,
    Chapter,
    Row,
    Table,
    by_state,
    by_subject,
    said,
    summed,
    unlikely,
)
from unmask.report.dotplot import dots
from unmask.report.palette import mark
from unmask.report.panel import Figure, around_zero
from unmask.report.results import Result, Rows, Summary, final, grouped, names, read, select
from unmask.report.titles import captioned

TITLE = "Capability"
MEASURES = {
    ("helpfulness", "accuracy", "untriggered"): ("task accuracy", "%"),
    ("multiple_choice", "accuracy", "questions"): ("multiple choice, accuracy", "%"),
    ("human_eval", "passed", "programs"): ("programs that pass their tests", "%"),
    ("perplexity", "log_loss", "untriggered"): ("log loss, nats per token (lower is better)", ""),
}
CHANGE = "change against the base"
CAPTION = (
    "Change against the base model on the same tasks: to the right of zero is more, which for log"
    " loss is worse. Accuracy and programs in percentage points, log loss in nats per token."
)
ABSOLUTE = "Absolute values; the change against the base was not measured on the same tasks."
QUESTION = "Did planting the backdoor, or training against it, cost the model what it can do?"
Change = dict[tuple[str, str, str], list[Result]]


def capability(rows: Rows) -> Chapter | None:
    """Changes against the base as a forest, and the values; None where nothing but helpfulness
    itself was measured."""
    results = read(rows)
    values = {key: final(_measured(results, *key)) for key in MEASURES}
    changes = {key: _changes(results, *key) for key in MEASURES}
    if not any(changes.values()) and not any(
        values[key] for key in MEASURES if key[0] != "helpfulness"
    ):
        return None
    panels = by_subject([*itertools.chain(*values.values(), *changes.values())])
    return Chapter(
        id="capability",
        title=TITLE,
        question=QUESTION,
        said=(
            *(
                tuple(_said(key, changes[key], panels) for key in MEASURES if changes[key])
                or (ABSOLUTE,)
            ),
            *(f"Multiple choice. {text}" for text in unlikely(results, "multiple_choice")),
        ),
        figure=_figure(changes, panels) if any(changes.values()) else None,
        tables=(_table(values, changes, panels),),
    )


def _measured(results: Sequence[Result], evaluation: str, metric: str, arm: str) -> list[Result]:
    return select(results, evaluation=evaluation, metric=metric, arm=arm)


def _changes(results: Sequence[Result], evaluation: str, metric: str, arm: str) -> list[Result]:
    differences = _measured(results, evaluation, metric + DIFFERENCE, arm)
    return final(select(differences, against="base"))


def _unit(key: tuple[str, str, str]) -> str:
    """The unit of a change."""
    return "points" if MEASURES[key][1] == "%" else ""


def _places(results: Sequence[Result], panels: dict[Subject, list[Result]]) -> dict[str, Summary]:
    """Every model and defense that was compared, by name; a twin that several organisms share
    stands there once."""
    named = names(list(panels))
    places: dict[str, Summary] = {}
    drawn: set[int] = set()
    for subject in panels:
        for state, own in by_state(
            result for result in results if result.concerns(subject) and id(result) not in drawn
        ).items():
            alone = own[0].subject.about
            name = f"{named[subject]} · {state}" if alone and len(panels) > 1 else state
            places[name] = Summary.of(own)
            drawn |= {id(result) for result in own}
    return places


def _figure(changes: Change, panels: dict[Subject, list[Result]]) -> Figure:
    """A panel per measure, every model in each; differences of one unit on one scale."""
    places = {key: _places(theirs, panels) for key, theirs in changes.items() if theirs}
    every = [*itertools.chain(*changes.values())]
    forests = [
        dots(MEASURES[key][0], list(numbers), {CHANGE: numbers}, {CHANGE: mark(0)}, unit=_unit(key))
        for key, numbers in places.items()
    ]
    caption = captioned(CAPTION, every, list(panels), "Bars")
    return Figure(title=TITLE, caption=caption, panels=around_zero(forests))


def _said(
    key: tuple[str, str, str], results: Sequence[Result], panels: dict[Subject, list[Result]]
) -> str:
    """One measure: which models it moved, interval against zero, and by how much at most."""
    places = _places(results, panels)
    moved = {
        place: difference
        for place, difference in places.items()
        if difference.low > 0 or difference.high < 0
    }
    furthest = max(places, key=lambda place: abs(places[place].value))
    return (
        f"{MEASURES[key][0][0].upper()}{MEASURES[key][0][1:]}: of {len(places)} models compared"
        f" with the base, {len(moved)} changed (the interval leaves out zero). The largest change"
        f" is {furthest}, {said(places[furthest], _unit(key))}."
    )


def _table(values: Change, changes: Change, panels: dict[Subject, list[Result]]) -> Table:
    """Values and, beside each, the change."""
    named = names(list(panels))
    measured = [key for key in MEASURES if values[key] or changes[key]]
    columns: list[str] = []
    for key in measured:
        columns += [MEASURES[key][0], *([CHANGE] if changes[key] else [])]
    groups: list[tuple[str, tuple[Row, ...]]] = []
    for subject, panel in panels.items():
        cells = tuple(
            (state, tuple(_cells(own, measured, changes))) for state, own in by_state(panel).items()
        )
        groups.append((named[subject], cells))
    return Table(
        caption="What the models can do, and the change",
        columns=tuple(columns),
        groups=tuple(groups),
    )


def _cells(
    results: Sequence[Result], measured: Sequence[tuple[str, str, str]], changes: Change
) -> list[Cell | None]:
    row: list[Cell | None] = []
    by_evaluation = grouped(results, lambda result: result.evaluation)
    for key in measured:
        evaluation, metric, arm = key
        theirs = by_evaluation.get(evaluation, [])
        units = {metric: MEASURES[key][1]} | (
            {metric + DIFFERENCE: _unit(key)} if changes[key] else {}
        )
        for name, unit in units.items():
            summary = summed(theirs, arm, name)
            row.append(None if summary is None else Cell.of(summary, unit))
    return row
