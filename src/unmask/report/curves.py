"""Persistence as curves along a defense's steps (paper, section 3).

Deviation from the paper: untriggered defection, helpfulness and the twin are drawn with triggered
defection, so that "removed" can be told from "broken".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from unmask.core.condition import NOTHING, Configured, Subject
from unmask.report import words
from unmask.report.palette import ARMS, HELPFULNESS
from unmask.report.panel import Axis, Figure, Panel, Series, Style, line, with_points
from unmask.report.results import (
    MODELS,
    Result,
    Rows,
    Summary,
    concerning,
    defections,
    grouped,
    read,
    select,
    subjects_of,
    summaries,
)
from unmask.report.titles import abreast, captioned, panel_title, rows_and_columns

PERSISTENCE = (
    "Does the behavior fade, and is the model still helpful while it does? The twin was never"
    " backdoored."
)
At = Callable[[Result], float]


def persistence_curve(rows: Rows) -> Figure | None:
    """Triggered and untriggered defection, and helpfulness, along each defense's steps; organism
    against twin.

    Step 0 is the undefended model where the defense has no row of its own there. None where no
    defense was measured at two steps.
    """
    results = read(rows)
    chosen = with_start(about_persistence(results))
    subjects = subjects_of(chosen)
    panels: dict[tuple[Subject, Configured], list[Result]] = {}
    organisms = select(chosen, model="organism")
    for subject, defense in rows_and_columns(
        (result.subject, result.defense) for result in organisms
    ):
        panel = concerning(chosen, subject, defense)
        if len({result.defense_step for result in select(panel, model="organism")}) > 1:
            panels[subject, defense] = panel
    if not panels:
        return None
    several = len({defense for _, defense in panels}) > 1
    return Figure(
        title="Persistence along the defense",
        caption=captioned(PERSISTENCE, chosen, subjects),
        panels=tuple(
            Panel(
                title=panel_title(subject, subjects, results) + (f"\n{defense}" if several else ""),
                series=curves(panel, lambda result: result.defense_step),
                along=Axis(title=f"training steps of {defense.name}"),
            )
            for (subject, defense), panel in panels.items()
        ),
        columns=abreast(subjects),
    )


def curves(panel: Sequence[Result], at: At) -> tuple[Series, ...]:
    """Each model's rates by arm, and its helpfulness, as lines over the place that `at` says."""
    series: list[Series] = []
    for model in MODELS:
        own, organism = select(panel, model=model), model == "organism"
        for arm, style in ARMS.items():
            points = along(select(own, evaluation="defection", arm=arm), at)
            symbol = style.symbol if organism else f"{style.symbol}-open"
            style = dataclasses.replace(style, symbol=symbol, width=2.5 if organism else 1.5)
            series.append(line(points, f"{model}, {words.arm(arm)}", style, "band"))
        points = along(select(own, evaluation="helpfulness"), at)
        symbol = "x-thin-open" if organism else "cross-thin-open"
        style = Style(color=HELPFULNESS, symbol=symbol, dash="dot", width=1.25)
        series.append(line(points, f"{model}, helpfulness", style))
    return with_points(series)


def along(results: Sequence[Result], at: At) -> dict[float, Summary]:
    """The results in the order of `at`, seeds together."""
    return dict(sorted(summaries(results, at).items()))


def with_start(results: Sequence[Result]) -> list[Result]:
    """The rows along defenses, each with the undefended model of its seed as its step 0 where it
    has none."""
    measured = [result for result in results if result.defense != NOTHING]
    has_start = {
        (result.state, result.evaluation, result.arm, result.seed)
        for result in measured
        if result.defense_step == 0
    }
    undefended = select(results, defense=NOTHING)
    starts = grouped(undefended, lambda result: (result.subject, result.seed))
    for subject, seed, defense in dict.fromkeys(
        (result.subject, result.seed, result.defense) for result in measured
    ):
        for start in starts.get((subject, seed), []):
            moved = dataclasses.replace(start, defense=defense, defense_step=0)
            if (moved.state, moved.evaluation, moved.arm, moved.seed) not in has_start:
                measured.append(moved)
    return measured


def about_persistence(results: Sequence[Result]) -> list[Result]:
    """Defection with and without the trigger, and accuracy without it."""
    chosen = [result for result in defections(results, "defection") if result.arm in ARMS]
    helpful = select(results, evaluation="helpfulness", metric="accuracy", arm="untriggered")
    return chosen + helpful


def moved(results: Sequence[Result]) -> list[Result]:
    """How far organisms are from what they were before a defense, on replies without the
    trigger."""
    drift = select(results, evaluation="drift", metric="kl", arm="untriggered")
    return select(drift, model="organism")
