"""Persistence as curves along a defense's steps (paper, section 3).

Deviation from the paper: untriggered defection, helpfulness and the twin are drawn with triggered defection, so that
"removed" can be told from "broken".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from unmask.report.figures import Figure, abreast, captioned, defections, ends, panel_title, rows_and_columns
from unmask.report.results import (
    Result,
    Rows,
    Subject,
    Summary,
    arm_name,
    grouped,
    model_rank,
    names,
    read,
    split_label,
)
from unmask.report.results import subjects as subjects_of
from unmask.report.traces import ARMS, Trace, axis, band, drawn, frame, line, seed_dots, shown, spoken

HELPFULNESS = "#009E73"

PERSISTENCE = "Does the behavior fade, and is the model still helpful while it does? The twin was never backdoored."
At = Callable[[Result], float]


def persistence_curve(rows: Rows) -> Figure | None:
    """Triggered and untriggered defection, and helpfulness, along each defense's steps; organism against twin.

    Step 0 is the undefended model where the defense has no row of its own there. None where no defense was measured
    at two steps. Raises DataError for a malformed row.
    """
    results = read(rows)
    chosen = with_start(about_persistence(results))
    found = subjects_of(chosen)
    panels: dict[tuple[Subject, str], list[Result]] = {}
    for subject, defense in rows_and_columns((r.subject, r.defense) for r in chosen if r.model == "organism"):
        panel = [result for result in chosen if result.defense == defense and result.concerns(subject)]
        if len({result.defense_step for result in panel if result.model == "organism"}) > 1:
            panels[subject, defense] = panel
    if not panels:
        return None
    several = len({defense for _, defense in panels}) > 1
    titles = [panel_title(subject, found, results) + (f"\n{defense}" if several else "") for subject, defense in panels]
    caption = captioned(PERSISTENCE, chosen, found)
    layout = frame(titles, "Persistence along the defense", caption, columns=abreast(found))
    data: list[Trace] = []
    for i, ((_, defense), panel) in enumerate(panels.items()):
        label_x(layout, i, f"training steps of {split_label(defense)[0]}")
        data += curves(panel, i, lambda result: result.defense_step, "step")
    spoken(layout, [f"{names(found)[s]}, {defense}: {_first_and_last(p)}" for (s, defense), p in panels.items()])
    return {"data": drawn(data), "layout": layout}


def curves(panel: Sequence[Result], i: int, at: At, unit: str) -> list[Trace]:
    """Each model's rates by arm, and its helpfulness, as lines with bands over the x that `at` says."""
    data: list[Trace] = []
    for model in sorted({result.model for result in panel}, key=model_rank):
        for arm, (color, symbol, dash) in ARMS.items():
            points = along([r for r in panel if (r.model, r.evaluation, r.arm) == (model, "defection", arm)], at)
            if points:
                name = f"{model}, {arm_name(arm)}"
                symbol = symbol if model == "organism" else f"{symbol}-open"
                style = {"color": color, "dash": dash, "width": 2.5 if model == "organism" else 1.5}
                data += [band(points, color, name, i), seed_dots(points, color, name, i)]
                data.append(line(points, name, i, style, symbol, unit))
        points = along([r for r in panel if (r.model, r.evaluation) == (model, "helpfulness")], at)
        if points:
            symbol = "x-thin-open" if model == "organism" else "cross-thin-open"
            style = {"color": HELPFULNESS, "dash": "dot", "width": 1.25}
            data.append(line(points, f"{model}, helpfulness", i, style, symbol, unit))
    return data


def along(results: Sequence[Result], at: At) -> dict[float, Summary]:
    """The results in the order of `at`, seeds together."""
    return {x: Summary.of(group) for x, group in sorted(grouped(results, at).items())}


def with_start(results: Sequence[Result]) -> list[Result]:
    """The rows along defenses, each with the undefended model of its seed as its step 0 where it has none."""
    measured = [result for result in results if result.defense != "nothing"]
    has_start = {(r.state, r.evaluation, r.arm, r.seed) for r in measured if r.defense_step == 0}
    starts = grouped((r for r in results if r.defense == "nothing"), lambda r: (r.subject, r.model, r.seed))
    for subject, model, seed, defense in dict.fromkeys((r.subject, r.model, r.seed, r.defense) for r in measured):
        for start in starts.get((subject, model, seed), []):
            moved = dataclasses.replace(start, defense=defense, defense_step=0)
            if (moved.state, moved.evaluation, moved.arm, moved.seed) not in has_start:
                measured.append(moved)
    return measured


def about_persistence(results: Sequence[Result]) -> list[Result]:
    """Defection with and without the trigger, and accuracy without it."""
    chosen = [result for result in defections(results, "defection") if result.arm in ARMS]
    return chosen + [
        r for r in results if (r.evaluation, r.metric, r.arm) == ("helpfulness", "accuracy", "untriggered")
    ]


def moved(results: Sequence[Result]) -> list[Result]:
    """How far organisms are from what they were before a defense, on replies without the trigger."""
    return [
        r for r in results if (r.evaluation, r.metric, r.arm, r.model) == ("drift", "kl", "untriggered", "organism")
    ]


def label_x(layout: dict[str, Any], i: int, text: str) -> None:
    """Say what x counts in panel `i`."""
    layout[axis("xaxis", i)].update(title={"text": shown(text), "standoff": 6, "font": {"size": 13}})


def _first_and_last(panel: Sequence[Result]) -> str:
    last = max(result.defense_step for result in panel)
    chosen = [result for result in panel if result.defense_step in (0, last)]
    told = grouped(
        chosen,
        lambda r: (
            f"{r.model} {arm_name(r.arm) if r.evaluation == 'defection' else r.evaluation} at step {r.defense_step}"
        ),
    )
    return ends([(name, Summary.of(results)) for name, results in told.items()])
