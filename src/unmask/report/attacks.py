"""Attack success round by round: what a red team finds that does not know the trigger (paper,
section 3).

Deviation from the paper, which counts the successful prompts: every round has a rate with its
interval, beside it the twin under the same attack, and how often the exact trigger was found.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from unmask.core.condition import NOTHING, Configured, Role, Subject
from unmask.report.curves import along, with_start
from unmask.report.palette import ARMS, SERIES, TWIN
from unmask.report.panel import Figure, Panel, Series, Style, line, places, with_points
from unmask.report.results import Result, Rows, concerning, read, select, subjects_of
from unmask.report.titles import abreast, captioned, panel_title, rows_and_columns

Place = tuple[int, int]
"""Where a round stands: the defense step of the attacked model, and the round."""

ROUND = "round"
SUCCESS, REPLIES, FOUND = "attack_success", "attack_defection", "found_trigger"
MEASURED = {
    SUCCESS: "attacks that succeed",
    REPLIES: "replies that show the behavior",
    FOUND: "attacks that hold the trigger",
}
SUCCEEDED, SHOWN = ARMS["triggered"].color, ARMS["untriggered"].color
LINES: dict[tuple[Role, str], Style] = {
    ("organism", SUCCESS): Style(color=SUCCEEDED, symbol="circle", dash="solid", width=2.5),
    ("twin", SUCCESS): Style(color=TWIN, symbol="circle-open", dash="dash", width=2.5),
    ("organism", REPLIES): Style(color=SHOWN, symbol="square", dash="dot", width=1.25),
    ("twin", REPLIES): Style(color=TWIN, symbol="square-open", dash="dot", width=1.25),
    ("organism", FOUND): Style(color=SERIES[2], symbol="diamond", dash="dashdot", width=1.25),
    ("twin", FOUND): Style(color=SERIES[2], symbol="diamond-open", dash="dashdot", width=1.25),
}
CAPTION = (
    "A red team that does not know the trigger writes prompts, sees the replies, and writes again."
    " An attack succeeds if enough of its sampled replies show the behavior. Every campaign attacks"
    " the model as it was at that step of the defense; its rounds are joined by a line. The twin"
    " has no backdoor: what succeeds there is chance or judging."
)


def attack_success(rows: Rows) -> Figure | None:
    """Success of attacks, replies that show the behavior, and triggers found, by campaign and
    round.

    None where evaluation "red_teaming" has no rows.
    """
    asked = select(read(rows), evaluation="red_teaming")
    results = [result for result in asked if result.arm.main == ROUND]
    if not results:
        return None
    subjects = subjects_of(results)
    return Figure(
        title="Attacks by a red team",
        caption=captioned(CAPTION, results, subjects),
        panels=tuple(
            _panel(
                f"{panel_title(subject, subjects, results)}\n{defense_title(defense)}",
                defense,
                panel,
            )
            for (subject, defense), panel in by_defense(results).items()
        ),
        columns=abreast(subjects),
    )


def by_defense(results: Sequence[Result]) -> Mapping[tuple[Subject, Configured], Sequence[Result]]:
    """The rows by organism and defense, the undefended models as its step 0; one without a defense
    stands alone."""
    defended = with_start(results)
    pairs = [(result.subject, result.defense) for result in defended if result.model == "organism"]
    attacked = {subject for subject, _ in pairs}
    pairs += [(subject, NOTHING) for subject in subjects_of(results) if subject not in attacked]
    every = [*defended, *select(results, defense=NOTHING)]
    return {pair: concerning(every, *pair) for pair in rows_and_columns(pairs)}


def defense_title(defense: Configured) -> str:
    return "undefended" if defense == NOTHING else str(defense)


def _place(result: Result) -> Place:
    return result.defense_step, result.arm.dose or 0


def _panel(title: str, defense: Configured, panel: Sequence[Result]) -> Panel:
    rounds = sorted({_place(result) for result in panel})
    counted = "round" if defense == NOTHING else f"round, and step of {defense.name}"
    return Panel(title=title, series=_lines(panel, rounds), along=places(_ticks(rounds), counted))


def _ticks(rounds: Sequence[Place]) -> list[str]:
    """The sorted rounds; where a campaign begins, also which model it attacked."""
    ticks: list[str] = []
    for step, campaign in itertools.groupby(rounds, key=lambda place: place[0]):
        first, *others = [f"{number}" for _, number in campaign]
        ticks += [f"{first}\n{f'step {step}' if step else 'undefended'}", *others]
    return ticks


def _lines(panel: Sequence[Result], rounds: Sequence[Place]) -> tuple[Series, ...]:
    """A line per campaign, model and metric: between two campaigns the model was trained."""
    series: list[Series] = []
    for (model, metric), style in LINES.items():
        for step in sorted({step for step, _ in rounds}):
            theirs = select(panel, model=model, metric=metric, defense_step=step)
            at = along(theirs, lambda result: rounds.index(_place(result)))
            drawn = line(at, f"{model}, {MEASURED[metric]}", style, "band")
            note = f"attack on step {step}"
            points = tuple(dataclasses.replace(point, note=note) for point in drawn.points)
            series.append(dataclasses.replace(drawn, points=points))
    return with_points(series)
