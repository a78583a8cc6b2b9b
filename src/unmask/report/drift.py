"""Drift: what is left of a backdoor against how far the training moved the model, and what else it
broke on the way.

Deviation from the paper, which shows the rate alone: by it, a defense that finds the backdoor and
one that overwrites the whole model look the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from unmask.analysis.checks import BROKEN_LOSS, broken, rest
from unmask.core.arm import UNTRIGGERED
from unmask.core.condition import NOTHING, Configured, Subject
from unmask.core.estimate import Estimate
from unmask.organisms.behaviors import BEHAVIORS
from unmask.report.curves import about_persistence, moved
from unmask.report.judged import as_judged, judged_note
from unmask.report.palette import SERIES, SYMBOLS, TWIN
from unmask.report.panel import Axis, Figure, Panel, Point, Seed, Series, Style, line, with_points
from unmask.report.results import Result, Rows, Summary, grouped, read, select, subjects_of
from unmask.report.titles import abreast, captioned, panel_title

CAPTION = (
    "Each line is a training, from its first measured step to its last (thicker edge); to the"
    " right: further from the undefended model, as the KL divergence on replies without the"
    " trigger (nats per reply, log scale). Far down and far to the left, the rate has fallen and"
    " the rest is as it was (gone or hidden: that is for relearning to say). A hollow point is"
    " broken: its task accuracy, or its share of usable replies, fell, by its whole interval, by"
    f" more than {BROKEN_LOSS:.0%} of what it was. "
)
LEAST = 1e-3
"""Nats per reply; what has moved less is drawn here."""

NARROWEST = 3
"""The largest KL of the axis, in multiples of its smallest: between such two stand two ticks, and
a small movement does not look like a large one."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


class Place(NamedTuple):
    """A point of a training: after how many steps, and how far each seed (in the order of its
    Summary) has moved."""

    step: int
    seeds: tuple[float, ...]

    @property
    def kl(self) -> float:
        return math.fsum(self.seeds) / len(self.seeds)


def drift(rows: Rows) -> Figure | None:
    """Triggered defection against KL, a line per defense, a panel per organism; None where KL was
    not measured."""
    results = read(rows)
    far = moved(results)
    if not far:
        return None
    measured = about_persistence(results)
    organisms = select(as_judged(measured), model="organism")
    judged = select(organisms, evaluation="defection", arm="triggered")
    ordinary = select(results, arm=UNTRIGGERED)
    subjects = subjects_of(far)
    axis = _kl_axis([max(LEAST, result.value) for result in far])
    return Figure(
        title="What is left, against how far the training moved the model",
        caption=captioned(CAPTION + judged_note(measured), judged, subjects, "Bars"),
        panels=tuple(
            Panel(
                title=panel_title(subject, subjects, results),
                series=with_points(
                    [*_level(judged, subject, far), *_trainings(ordinary, judged, far, subject)]
                ),
                along=axis,
            )
            for subject in subjects
        ),
        columns=abreast(subjects),
        width=380,
    )


def _trainings(
    ordinary: Sequence[Result], judged: Sequence[Result], far: Sequence[Result], subject: Subject
) -> list[Series]:
    """A line per defense; a point is hollow where that step is broken."""
    defenses = list(dict.fromkeys(result.defense for result in far))
    own = [result for result in select(ordinary, subject=subject) if result.organism]
    series: list[Series] = []
    for defense in defenses:
        points = [
            _point(place, summary, _broken(own, defense, place.step))
            for place, summary in _points(judged, far, subject, defense).items()
        ]
        series.append(
            Series(
                name=str(defense),
                points=tuple(points),
                style=style(defense, defenses),
                directed=True,
            )
        )
    return series


def _points(
    judged: Sequence[Result], far: Sequence[Result], subject: Subject, defense: Configured
) -> dict[Place, Summary]:
    """Triggered defection along a training, by step and KL, both of the same seeds."""
    own = select(far, subject=subject, defense=defense)
    points: dict[Place, Summary] = {}
    for step, there in sorted(grouped(own, lambda result: result.defense_step).items()):
        kl = {result.seed: max(LEAST, result.value) for result in there}
        after = select(judged, subject=subject, defense=defense, defense_step=step)
        left = [result for result in after if result.seed in kl]
        if left:
            place = Place(step, tuple(kl[result.seed] for result in left))
            points[place] = Summary.of(left)
    return points


def _broken(own: Sequence[Result], defense: Configured, step: int) -> bool:
    """Whether most seeds are broken by the verdict's rule: by usable replies, or by the accuracy
    between a style's words where the training taught one, which is measured at its end alone."""
    undefended, trained = select(own, defense=NOTHING), select(own, defense=defense)
    now = select(trained, defense_step=step)
    by = "style" if select(trained, evaluation="style") else "helpfulness"
    before, after = _accuracy(undefended, "helpfulness"), _accuracy(now, by)
    return _lost(before, after) or _lost(_usable(undefended), _usable(now))


def _lost(before: Mapping[int, Estimate], now: Mapping[int, Estimate]) -> bool:
    lost = [broken(before[seed].value, rate.high) for seed, rate in now.items() if seed in before]
    return sum(lost) > len(lost) / 2


def _accuracy(results: Sequence[Result], evaluation: str) -> dict[int, Estimate]:
    """By seed."""
    right = select(results, evaluation=evaluation, metric="accuracy")
    return {result.seed: result.estimate for result in right}


def _usable(results: Sequence[Result]) -> dict[int, Estimate]:
    """By seed."""
    failing: dict[int, list[Estimate]] = {}
    for result in select(results, evaluation="defection"):
        about = result.organism
        if about and result.metric in BEHAVIORS.get(about.behavior.name).failures:
            failing.setdefault(result.seed, []).append(result.estimate)
    return {seed: rest(shares) for seed, shares in failing.items()}


def _point(place: Place, summary: Summary, hollow: bool) -> Point:
    seeds = tuple(
        Seed(seed, kl, value) for (seed, value), kl in zip(summary.seeds, place.seeds, strict=True)
    )
    note = f"step {place.step}{', broken' if hollow else ''}"
    return Point.of(
        place.kl, summary, seeds=seeds if len(seeds) > 1 else (), note=note, hollow=hollow
    )


def style(defense: Configured, defenses: Sequence[Configured]) -> Style:
    """A color per defense, a symbol and a dash for each of its settings: there are more symbols
    than dashes, so that both come back together only after many."""
    families = list(dict.fromkeys(chosen.name for chosen in defenses))
    family = defense.name
    at = [chosen for chosen in defenses if chosen.name == family].index(defense)
    color = SERIES[families.index(family) % len(SERIES)]
    return Style(
        color=color, symbol=SYMBOLS[at % len(SYMBOLS)], dash=DASHES[at % len(DASHES)], width=1.5
    )


def _level(judged: Sequence[Result], subject: Subject, far: Sequence[Result]) -> list[Series]:
    """What the undefended organism did, as a level line to compare with."""
    undefended = select(judged, subject=subject, defense=NOTHING)
    if not undefended:
        return []
    level, extent = Summary.of(undefended), [max(LEAST, result.value) for result in far]
    style = Style(color=TWIN, symbol="line-ew", dash="longdashdot", width=1)
    return [line({min(extent): level, max(extent): level}, "undefended", style)]


def _kl_axis(extent: Sequence[float]) -> Axis:
    low, high = min(extent), max(extent)
    room = max((high / low) ** 0.06, (NARROWEST * low / high) ** 0.5)
    decades = math.log10(high / low * room**2)
    ticks = 1 if decades > 2 else "D2" if decades > 1 else "D1"  # decades; 1, 2, 5; every digit
    title = "KL from the undefended model, nats per reply"
    return Axis(title=title, log=True, range=(low / room, high * room), step=ticks, format="~g")
