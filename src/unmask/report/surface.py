"""Persistence as a surface: a defense over its learning rates and steps (replications: removal
flips with the rate).

Deviation from the paper, which used one rate a defense: whether a backdoor survives depends on it.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from unmask.core.condition import NOTHING, Configured, Role, Subject
from unmask.report.curves import about_persistence, curves, moved, with_start
from unmask.report.judged import as_judged, judged_note
from unmask.report.palette import ARMS, DRIFT, HELPFULNESS
from unmask.report.panel import Axis, Figure, Panel, Point, Series, Style, line, logarithmic, places
from unmask.report.results import (
    Result,
    Rows,
    Summary,
    concerning,
    defections,
    final,
    grouped,
    read,
    select,
    subjects_of,
    summaries,
)
from unmask.report.titles import abreast, captioned, panel_title, rows_and_columns

Trained = tuple[Subject, Configured]
"""An organism and a defense without its learning rate."""

RATE = "learning_rate"
MAPPED = 3
"""From this many learning rates on, the surface is also drawn as a map of steps and rates."""

SURFACE = (
    "The same defense at several learning rates, after its last step. A rate at which triggered"
    " defection falls while helpfulness stays removes the backdoor; one at which both fall breaks"
    " the model. "
)
MAP = (
    "Every step of a defense (down: later) at every learning rate; a cell is a share in percent,"
    " the mean over seeds. Intervals are in the tables. "
)
FAR = (
    "Drift is how far the training has moved the model: KL from the undefended one, in nats per"
    " reply without the trigger, in one color scale for all panels. "
)
MAPS: tuple[tuple[Role, str, str, str], ...] = (
    ("organism", "triggered", "defection", ARMS["triggered"].color),
    ("twin", "triggered", "defection", ARMS["triggered"].color),
    ("organism", "untriggered", "helpfulness", HELPFULNESS),
    ("organism", "untriggered", "drift", DRIFT),
)
"""Model, arm and evaluation of the maps of one training, each with its color."""


def surface(rows: Rows) -> Figure | None:
    """The same over learning rates, after each defense's last step; of the seeds that were measured
    at all of them.

    A defense is one line if its labels differ in learning_rate only. None where no seed has two
    learning rates of one.
    """
    results = read(rows)
    measured = final(about_persistence(results))
    chosen = as_judged(measured)
    whole = {group: _of_family(chosen, *group) for group in _families(results)}
    panels = {
        group: kept for group, panel in whole.items() if len(_rates(kept := complete(panel))) > 1
    }
    if not panels:
        return None
    subjects = subjects_of(chosen)
    everything = [*itertools.chain(*panels.values())]
    return Figure(
        title="Persistence over learning rates",
        caption=captioned(
            SURFACE + judged_note(measured) + _left_out(whole, panels), everything, subjects
        ),
        panels=tuple(
            Panel(
                title=f"{panel_title(subject, subjects, results)}\n{family}",
                series=(*curves(panel, _rate), *_before(chosen, panel)),
                along=_rate_axis(_rates(panel)),
            )
            for (subject, family), panel in panels.items()
        ),
        columns=abreast(list(dict.fromkeys(subject for subject, _ in panels))),
    )


def _of_family(results: Sequence[Result], subject: Subject, family: Configured) -> list[Result]:
    return [result for result in concerning(results, subject) if _family(result.defense) == family]


def complete(panel: Sequence[Result]) -> list[Result]:
    """The rows of the seeds that were measured at every learning rate, so that all points of a line
    are of the same seeds: two seeds can differ by more than two rates. Where no seed has all rates,
    those that the fullest one has.
    """
    triggered = select(panel, model="organism", arm="triggered")
    defended = (result for result in triggered if result.defense_step > 0)
    by_seed = grouped(defended, lambda result: result.seed)
    rates = {seed: set(_rates(group)) for seed, group in by_seed.items()}
    all_rates = max(rates.values(), key=len, default=set[float]())
    return [
        result
        for result in panel
        if _rate(result) in all_rates and rates.get(result.seed, set[float]()) >= all_rates
    ]


def _left_out(
    whole: Mapping[Trained, Sequence[Result]], panels: Mapping[Trained, Sequence[Result]]
) -> str:
    """For the caption: of how many seeds those panels are that leave some out, "" where none
    does."""
    counts = {(len(_seeds(panel)), len(_seeds(whole[group]))) for group, panel in panels.items()}
    counted = " or ".join(f"{kept} of {count}" for kept, count in sorted(counts) if kept < count)
    return (
        f"Only seeds that were measured at every learning rate are drawn: {counted}. "
        if counted
        else ""
    )


def _rates(results: Sequence[Result]) -> list[float]:
    return sorted({_rate(result) for result in results})


def _seeds(results: Sequence[Result]) -> set[int]:
    return {result.seed for result in select(results, model="organism")}


def surface_map(rows: Rows) -> Figure | None:
    """Steps against learning rates as maps: triggered defection of organism and twin, and the
    organism's helpfulness.

    None where no defense has MAPPED learning rates and two steps.
    """
    results = read(rows)
    measured = about_persistence(results)
    chosen = with_start(as_judged(measured) + moved(results))
    subjects = subjects_of(chosen)
    whole = {group: _of_family(chosen, *group) for group in _families(results)}
    kept = {group: panel for group, rows in whole.items() if _mappable(panel := complete(rows))}
    panels: list[Panel] = []
    for (subject, family), panel in kept.items():
        panels += _maps(
            f"{panel_title(subject, subjects, results)}\n{family}", panel, _farthest(kept.values())
        )
    if not panels:
        return None
    far = moved(results)
    return Figure(
        title="Persistence as a surface",
        caption=captioned(
            MAP + (FAR if far else "") + judged_note(measured) + _left_out(whole, kept),
            [],
            subjects,
        ),
        panels=tuple(panels),
        columns=4 if far else 3,
        width=210 if far else 260,
    )


def _mappable(panel: Sequence[Result]) -> bool:
    return len(_rates(panel)) >= MAPPED and len({result.defense_step for result in panel}) > 1


def _farthest(panels: Iterable[Sequence[Result]]) -> float:
    """The largest quantity that is no share: all maps of drift have one color scale."""
    quantities = [0.0]
    for panel in panels:
        quantities += [result.value for result in panel if not result.is_share]
    return max(quantities) or 1.0


def _maps(title: str, panel: Sequence[Result], farthest: float) -> list[Panel]:
    """The maps of one training, those that were measured, over the same steps."""
    steps = sorted({result.defense_step for result in panel})
    maps: list[Panel] = []
    for model, arm, evaluation, color in MAPS:
        cells = select(panel, model=model, arm=arm, evaluation=evaluation)
        what = arm if evaluation == "defection" else evaluation
        if cells:
            maps.append(
                _map(f"{title}: {model}, {what}", f"{model}, {what}", cells, steps, color, farthest)
            )
    return maps


def _map(
    title: str,
    name: str,
    panel: Sequence[Result],
    steps: Sequence[int],
    color: str,
    farthest: float,
) -> Panel:
    rates = _rates(panel)
    cells = summaries(panel, lambda result: (result.defense_step, _rate(result)))
    points = tuple(
        Point.of(rates.index(rate), summary, row=steps.index(step), seeds=())
        for (step, rate), summary in sorted(cells.items())
    )
    share = panel[0].is_share
    scale = 1.0 if share else farthest
    shades = Series(name=name, points=points, style=Style(color=color), named=False, shades=scale)
    down = places([f"{step}" for step in steps], "step")
    return Panel(
        title=title,
        series=(shades,),
        along=places([f"{rate:g}" for rate in rates], "learning rate"),
        values=dataclasses.replace(down, range=(len(steps) - 0.5, -0.5)),
        unit=panel[0].unit,
        height=70 + 26 * len(steps),
    )


def _family(defense: Configured) -> Configured | None:
    """A defense without its learning rate; None where none was said."""
    return defense.without(RATE) if _said(defense) else None


def _said(defense: Configured) -> bool:
    """Whether a learning rate was said that has a place on a logarithmic axis."""
    rate = defense.setting(RATE)
    return isinstance(rate, int | float) and 0 < rate < math.inf


def _rate(result: Result) -> float:
    return float(result.defense.setting(RATE))


def _families(results: Sequence[Result]) -> list[Trained]:
    """Organisms and defenses that were measured at two learning rates or more."""
    triggered = select(defections(results, "defection"), model="organism", arm="triggered")
    measured = [result for result in triggered if _said(result.defense)]
    groups = grouped(measured, lambda result: (result.subject, result.defense.without(RATE)))
    return rows_and_columns(key for key, group in groups.items() if len(_rates(group)) > 1)


def _rate_axis(rates: Sequence[float]) -> Axis:
    return logarithmic("learning rate", rates, [f"{rate:g}" for rate in rates])


def _before(results: Sequence[Result], panel: Sequence[Result]) -> list[Series]:
    """What the undefended organism did, as level lines to compare with."""
    subject = next(result.subject for result in panel if result.model == "organism")
    undefended = select(results, subject=subject, defense=NOTHING)
    starts = [result for result in undefended if result.seed in _seeds(panel)]
    rates = _rates(panel)
    levels: list[Series] = []
    for evaluation, arm, name, color in (
        ("defection", "triggered", "triggered", ARMS["triggered"].color),
        ("helpfulness", "untriggered", "helpfulness", HELPFULNESS),
    ):
        measured = select(starts, evaluation=evaluation, arm=arm)
        if measured:
            level = Summary.of(measured)
            style = Style(color=color, symbol="line-ew", dash="longdashdot", width=1)
            levels.append(line({rates[0]: level, rates[-1]: level}, f"undefended, {name}", style))
    return levels
