"""What planting and defenses cost in capability: the change against the base, on the same tasks
(paper, section 3).

Deviation from the paper, which gives absolute scores: the change is paired, task by task, where
that was measured.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from unmask.core.condition import Subject
from unmask.core.metric import DIFFERENCE
from unmask.report.chapters import (
    Cell,
    Chapter,
    Table,
    by_state,
    by_subject,
    cells,
    each_once,
    said,
    state_rows,
    summed,
    unlikely,
)
from unmask.report.dotplot import dots
from unmask.report.palette import mark
from unmask.report.panel import Figure, Panel, around_zero
from unmask.report.results import Result, Rows, Summary, concerning, final, names, read, select
from unmask.report.titles import captioned

TITLE = "Capability"
CHANGE = "change against the base"
CAPTION = (
    "Change against the base model on the same tasks: to the right of zero is more, which for log"
    " loss is worse. Accuracy and programs in percentage points, log loss in nats per token."
)
ABSOLUTE = "Absolute values; the change against the base was not measured on the same tasks."
QUESTION = "Did planting the backdoor, or training against it, cost the model what it can do?"


@dataclasses.dataclass(frozen=True)
class Measure:
    """What an evaluation measured on one arm, and its name on the page; `unit` is "%", or "" for
    nats per token."""

    evaluation: str
    metric: str
    arm: str
    title: str
    unit: str = "%"

    @property
    def change_unit(self) -> str:
        return "points" if self.unit == "%" else ""

    def values(self, results: Sequence[Result]) -> list[Result]:
        own = select(results, evaluation=self.evaluation, arm=self.arm)
        return final(select(own, metric=self.metric))

    def changes(self, results: Sequence[Result]) -> list[Result]:
        own = select(results, evaluation=self.evaluation, arm=self.arm)
        return final(select(own, metric=self.metric + DIFFERENCE, against="base"))


MEASURES = (
    Measure("helpfulness", "accuracy", "untriggered", "task accuracy"),
    Measure("multiple_choice", "accuracy", "questions", "multiple choice, accuracy"),
    Measure("human_eval", "passed", "programs", "programs that pass their tests"),
    Measure(
        "perplexity", "log_loss", "untriggered", "log loss, nats per token (lower is better)", ""
    ),
)
Change = dict[Measure, list[Result]]


def capability(rows: Rows) -> Chapter | None:
    """Changes against the base as a forest, and the values; None where nothing but helpfulness
    itself was measured."""
    results = read(rows)
    values = {measure: measure.values(results) for measure in MEASURES}
    changes = {measure: measure.changes(results) for measure in MEASURES}
    beside = [own for measure, own in values.items() if measure.evaluation != "helpfulness"]
    if not any(changes.values()) and not any(beside):
        return None
    panels = by_subject([*itertools.chain(*values.values(), *changes.values())])
    return Chapter(
        id="capability",
        title=TITLE,
        question=QUESTION,
        said=(
            *(
                [_said(measure, own, panels) for measure, own in changes.items() if own]
                or [ABSOLUTE]
            ),
            *(f"Multiple choice. {text}" for text in unlikely(results, "multiple_choice")),
        ),
        figure=_figure(changes, panels) if any(changes.values()) else None,
        tables=(_table(values, changes, panels),),
    )


def _places(results: Sequence[Result], panels: dict[Subject, list[Result]]) -> dict[str, Summary]:
    """Every model and defense that was compared, by name; a twin that several organisms share
    stands there once."""
    named = names(list(panels))
    places: dict[str, Summary] = {}
    for subject, panel in each_once({subject: concerning(results, subject) for subject in panels}):
        for state, own in by_state(panel).items():
            alone = own[0].subject.about
            name = f"{named[subject]} · {state}" if alone and len(panels) > 1 else state
            places[name] = Summary.of(own)
    return places


def _figure(changes: Change, panels: dict[Subject, list[Result]]) -> Figure:
    """A panel per measure, every model in each; differences of one unit on one scale."""
    every = [*itertools.chain(*changes.values())]
    forests: list[Panel] = []
    for measure, own in changes.items():
        if own:
            places, unit = _places(own, panels), measure.change_unit
            forests.append(
                dots(measure.title, list(places), {CHANGE: places}, {CHANGE: mark(0)}, unit=unit)
            )
    caption = captioned(CAPTION, every, list(panels), "Bars")
    return Figure(title=TITLE, caption=caption, panels=around_zero(forests))


def _said(measure: Measure, results: Sequence[Result], panels: dict[Subject, list[Result]]) -> str:
    """One measure: which models it moved, interval against zero, and by how much at most."""
    places = _places(results, panels)
    moved = [difference for difference in places.values() if difference.is_apart]
    furthest = max(places, key=lambda place: abs(places[place].value))
    return (
        f"{measure.title[0].upper()}{measure.title[1:]}: of {len(places)} models compared"
        f" with the base, {len(moved)} changed (the interval leaves out zero). The largest change"
        f" is {furthest}, {said(places[furthest], measure.change_unit)}."
    )


def _table(values: Change, changes: Change, panels: dict[Subject, list[Result]]) -> Table:
    """Values and, beside each, the change."""
    measured = [measure for measure in MEASURES if values[measure] or changes[measure]]
    columns: list[str] = []
    for measure in measured:
        columns += [measure.title, *([CHANGE] if changes[measure] else [])]
    return Table(
        caption="What the models can do, and the change",
        columns=tuple(columns),
        groups=state_rows(panels, lambda own: tuple(_cells(own, measured, changes))),
    )


def _cells(
    results: Sequence[Result], measured: Sequence[Measure], changes: Change
) -> list[Cell | None]:
    row: list[Cell | None] = []
    for measure in measured:
        own = select(results, evaluation=measure.evaluation)
        row += cells([summed(own, measure.arm, measure.metric)], measure.unit)
        if changes[measure]:
            change = summed(own, measure.arm, measure.metric + DIFFERENCE)
            row += cells([change], measure.change_unit)
    return row
