"""Before and after adversarial training, side by side: with the trigger, without it, under attack,
on near misses.

The paper's finding (section 3) is a row of this table against another one: attacks that were found
stop working, the trigger goes on working. Deviation: the twin stands beside the organism.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from unmask.core.condition import NOTHING
from unmask.report import words
from unmask.report.attacks import by_defense
from unmask.report.results import Result, Rows, grouped, read, subjects_of
from unmask.report.tables import Line
from unmask.report.titles import panel_title

ATTACKED = ("attacked", "red_teaming")
NAMES = {
    "triggered": "with the trigger",
    "untriggered": "without the trigger",
    "attack": "held-out attacks without the trigger",
    "attack:found": "held-out attacks with the trigger",
}
ASKED = (
    ("defection", "defection"),
    ("attacked", "defection"),
    ("near_miss", "defection"),
    ("helpfulness", "accuracy"),
    ("helpfulness", "harmless"),
)
"""Evaluations and metrics in the order of the table."""

GOOD = {"accuracy": "right answers", "harmless": "harmless answers where harm is asked for"}
Row = tuple[str, tuple[Line | None, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeforeAfter:
    """One organism and its twin under one defense: `rows` are (what was measured, [(model, a cell a
    stage)])."""

    title: str
    stages: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Row, ...]], ...]


def before_after_attacks(rows: Rows) -> list[BeforeAfter]:
    """A table for each organism and defense under which a red team was used; several seeds as their
    mean.

    The columns are the undefended model, every step of the defense at which attacks were measured,
    and its last one.
    """
    results = read(rows)
    measured = [result for result in results if (result.evaluation, result.metric) in ASKED]
    attacked = [result for result in results if result.evaluation in ATTACKED]
    subjects = subjects_of(measured)
    used = {
        group: attacks for group, attacks in by_defense(attacked).items() if group[1] != NOTHING
    }
    whole = by_defense(measured)
    made: list[BeforeAfter] = []
    for (subject, defense), attacks in used.items():
        if (subject, defense) in whole:
            name = panel_title(subject, subjects, measured).replace("\n", ", ")
            steps = {result.defense_step for result in attacks}
            made.append(_table(f"{name}, {defense}", whole[subject, defense], steps))
    return made


def _table(title: str, panel: Sequence[Result], attacked: set[int]) -> BeforeAfter:
    steps = sorted({0, *attacked, max(result.defense_step for result in panel)})
    ordered = sorted(panel, key=lambda result: ASKED.index((result.evaluation, result.metric)))
    asked = grouped(ordered, _measured)
    rows: list[tuple[str, tuple[Row, ...]]] = []
    for name, results in asked.items():
        by_model = grouped(results, lambda result: result.model)
        models = [model for model in ("organism", "twin") if model in by_model]
        compared = tuple(_row(model, by_model[model], steps) for model in models)
        if any(any(cells) for _, cells in compared):
            rows.append((name, compared))
    return BeforeAfter(
        title=title,
        stages=tuple("before" if step == 0 else f"after {step} steps" for step in steps),
        rows=tuple(rows),
    )


def _row(model: str, results: Sequence[Result], steps: Sequence[int]) -> Row:
    by_step = grouped(results, lambda result: result.defense_step)
    return model, tuple(Line.of(by_step[step]) if step in by_step else None for step in steps)


def _measured(result: Result) -> str:
    """What was measured, in words."""
    if result.metric in GOOD:
        return GOOD[result.metric] + (
            "" if result.arm == "untriggered" else f", {words.arm(result.arm)}"
        )
    named = NAMES.get(result.arm, words.arm(result.arm))
    return f"near miss: {named}" if result.evaluation == "near_miss" else named
