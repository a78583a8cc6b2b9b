"""A chapter for any evaluation: its rows as points with intervals, by model and defense, with a
table and a sentence.

The question and the names of its numbers are those that the evaluation declares; what a chapter
says better, `Told` holds. Of an evaluation that is not installed any more the names in its rows are
shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from unmask.core.arm import Arm
from unmask.core.condition import NOTHING, Subject
from unmask.core.metric import Against
from unmask.evaluations import EVALUATIONS
from unmask.evaluations.evaluation import Evaluation
from unmask.report import words
from unmask.report.chapters import (
    Chapter,
    Table,
    by_state,
    by_state_and_arm,
    by_subject,
    organisms,
    said,
    table,
    told,
)
from unmask.report.dotplot import dots
from unmask.report.palette import state_styles
from unmask.report.panel import Figure, Panel, Style, around_zero
from unmask.report.results import Result, Rows, Summary, final, grouped, read, summaries
from unmask.report.titles import captioned, panel_title

CAPTION = "By arm, for each model: undefended, and after each defense’s last step."
QUESTION = "What was measured by the evaluation “{}”, with its controls beside it."
Say = Callable[[str, Sequence[Result], Mapping[str, Sequence[Result]]], str]
"""A sentence on one state of an organism, from its beginning, the state's rows, and the rows of
every state."""


def spaced(name: str) -> str:
    """A name as words."""
    return name.replace("_", " ")


def declaration(evaluation: str) -> type[Evaluation] | None:
    """What declares an evaluation; None where its package is no longer installed."""
    return EVALUATIONS.get(evaluation) if evaluation in EVALUATIONS.names() else None


def question(evaluation: str) -> str:
    """What an evaluation asks, in its own words."""
    declared = declaration(evaluation)
    return declared.asks if declared else QUESTION.format(spaced(evaluation))


def measure(result: Result) -> tuple[str, Against | None]:
    """Which number it is; two may have one title."""
    return result.metric, result.against


def title_of(result: Result) -> str:
    """What a number is, as its evaluation calls it; of a difference also what it is against."""
    declared = declaration(result.evaluation)
    metric = declared.metrics.get(result.differs) if declared else None
    title = metric.title if metric else spaced(result.differs)
    return f"{title}, compared with the {result.against}" if result.against else title


def place_name(arm: Arm) -> str:
    """An arm along an axis."""
    return words.arm(arm).replace(":", ": ")


def furthest(begin: str, theirs: Sequence[Result], states: Mapping[str, Sequence[Result]]) -> str:
    """Each metric where it is highest, with what the controls in the same state have there."""
    controls = {state: rows for state, rows in states.items() if is_control(rows, theirs)}
    parts: list[str] = []
    for measured, rows in grouped(theirs, measure).items():
        arms = summaries(rows, lambda result: result.arm)
        highest = max(arms, key=lambda arm: arms[arm].value)
        where = (
            f", highest with {place_name(highest)}"
            if len(arms) > 1
            else f" with {place_name(highest)}"
        )
        unit = rows[0].unit
        beside: list[str] = []
        for state, control in controls.items():
            there = [
                result for result in control if (measure(result), result.arm) == (measured, highest)
            ]
            if there:
                beside.append(f"{state} has {said(Summary.of(there), unit)}")
        against = f", where {' and '.join(beside)}" if beside else ""
        parts.append(f"{title_of(rows[0])} {said(arms[highest], unit)}{where}{against}")
    return f"{begin}: {'; '.join(parts)}."


def is_control(control: Sequence[Result], theirs: Sequence[Result]) -> bool:
    """Whether a state's rows are those of a control, undefended or under the same defense."""
    return control[0].model != "organism" and control[0].defense in (NOTHING, theirs[0].defense)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """How one evaluation's chapter is made from rows; everything but the evaluation has a default.

    `metrics` are those shown, all of them but differences where it is empty. `order` sorts the
    arms, `group` puts them in classes with room between them, and `place` names an arm.
    """

    evaluation: str
    id: str = ""
    title: str = ""
    question: str = ""
    caption: str = CAPTION
    metrics: tuple[str, ...] = ()
    place: Callable[[Arm], str] = place_name
    order: Callable[[Arm], int] = lambda arm: 0
    group: Callable[[Arm], str] = lambda arm: ""
    say: Say = furthest

    def __call__(self, rows: Rows) -> Chapter | None:
        """The chapter; None where the evaluation has no rows of these metrics."""
        return self.chapter(final([result for result in read(rows) if self.shows(result)]))

    def shows(self, result: Result) -> bool:
        wanted = result.metric in self.metrics if self.metrics else not result.is_difference
        return result.evaluation == self.evaluation and wanted

    def chapter(self, results: Sequence[Result]) -> Chapter | None:
        """The chapter of these very rows."""
        panels = by_subject(results)
        if not panels:
            return None
        return Chapter(
            id=self.id or f"evaluation-{self.evaluation}",
            title=self.title or spaced(self.evaluation).capitalize(),
            question=self.question or question(self.evaluation),
            said=self.sentences(panels),
            figure=self.figure(results, panels),
            tables=self.tables(results, panels),
        )

    def sentences(self, panels: dict[Subject, list[Result]]) -> tuple[str, ...]:
        made: list[str] = []
        for subject, panel in panels.items():
            states = by_state(panel)
            for state, theirs in organisms(panel).items():
                made.append(self.say(told(subject, panels, state), theirs, states))
        return tuple(made)

    def figure(self, results: Sequence[Result], panels: dict[Subject, list[Result]]) -> Figure:
        """A panel per organism and metric, whose name stands over it where there are several."""
        several = len(grouped(results, measure)) > 1
        made: list[Panel] = []
        for subject, panel in panels.items():
            title = panel_title(subject, list(panels), panel)
            for theirs in grouped(panel, measure).values():
                over = f"{title}\n{title_of(theirs[0])}" if several else title
                made.append(self.panel(over, theirs, state_styles(results)))
        return Figure(
            title=self.title or spaced(self.evaluation).capitalize(),
            caption=captioned(self.caption, results, list(panels), "Bars"),
            panels=(
                around_zero(made) if all(panel.unit == "points" for panel in made) else tuple(made)
            ),
        )

    def panel(self, title: str, results: Sequence[Result], styles: Mapping[str, Style]) -> Panel:
        names: list[str] = []
        for arms in self.classes(results).values():
            names += [*map(self.place, arms), ""]
        points = by_state_and_arm(results, lambda result: self.place(result.arm))
        return dots(title, names[:-1], points, styles, unit=results[0].unit)

    def classes(self, results: Iterable[Result]) -> dict[str, list[Arm]]:
        """Arms by class, in order."""
        arms = sorted(dict.fromkeys(result.arm for result in results), key=self.order)
        return grouped(arms, self.group)

    def tables(
        self, results: Sequence[Result], panels: dict[Subject, list[Result]]
    ) -> tuple[Table, ...]:
        """One per metric, with the arms as columns."""
        made: list[Table] = []
        for theirs in grouped(results, measure).values():
            arms = sorted(dict.fromkeys(result.arm for result in theirs), key=self.order)
            columns = {str(arm): self.place(arm) for arm in arms}
            name = title_of(theirs[0])
            caption = f"{name[0].upper()}{name[1:]}"
            made.append(table(caption, by_subject(theirs), columns, theirs[0].unit))
        return tuple(made)
