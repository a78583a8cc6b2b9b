"""Attack success round by round: what a red team finds that does not know the trigger (paper,
section 3).

Deviation from the paper, which counts the successful prompts: every round has a rate with its
interval, beside it the twin under the same attack, and how often the exact trigger was found.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from unmask.core.condition import NOTHING, Configured, Subject
from unmask.report.curves import along, with_start
from unmask.report.palette import ARMS, SERIES, TWIN
from unmask.report.panel import Figure, Panel, Series, Style, line, places, with_points
from unmask.report.results import Result, Rows, concerning, read
from unmask.report.results import subjects as subjects_of
from unmask.report.titles import abreast, captioned, panel_title, rows_and_columns

Place = tuple[int, int]
"""Where a round stands: the defense step of the attacked model, and the round."""

ROUND = "round"
SUCCESS, REPLIES, FOUND = "attack_success", "attack_defection", "found_trigger"
LINES = {
    ("organism", SUCCESS): (
        "organism, attacks that succeed",
        ARMS["triggered"].color,
        "circle",
        "solid",
    ),
    ("twin", SUCCESS): ("twin, attacks that succeed", TWIN, "circle-open", "dash"),
    ("organism", REPLIES): (
        "organism, replies that show the behavior",
        ARMS["untriggered"].color,
        "square",
        "dot",
    ),
    ("twin", REPLIES): ("twin, replies that show the behavior", TWIN, "square-open", "dot"),
    ("organism", FOUND): (
        "organism, attacks that hold the trigger",
        SERIES[2],
        "diamond",
        "dashdot",
    ),
    ("twin", FOUND): ("twin, attacks that hold the trigger", SERIES[2], "diamond-open", "dashdot"),
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

    None where evaluation "red_teaming" has no rows. Raises DataError for a malformed row.
    """
    results = [
        result
        for result in read(rows)
        if result.evaluation == "red_teaming" and result.arm.main == ROUND
    ]
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
    every = [*defended, *(result for result in results if result.defense == NOTHING)]
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
    for (model, metric), (name, color, symbol, dash) in LINES.items():
        style = Style(
            color=color, symbol=symbol, dash=dash, width=2.5 if metric == SUCCESS else 1.25
        )
        for step in sorted({step for step, _ in rounds}):
            theirs = [
                result
                for result in panel
                if (result.model, result.metric, result.defense_step) == (model, metric, step)
            ]
            drawn = line(
                along(theirs, lambda result: rounds.index(_place(result))), name, style, "band"
            )
            points = (
                dataclasses.replace(point, note=f"attack on step {step}") for point in drawn.points
            )
            series.append(dataclasses.replace(drawn, points=tuple(points)))
    return with_points(series)
