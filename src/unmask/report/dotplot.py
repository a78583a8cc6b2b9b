"""Places below each other or side by side, in each a point with its interval for every series.

Deviation from the paper, whose bars leave out what is small: a point with its interval can also be
zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unmask.report.panel import QUANTITY, RATES, Axis, Panel, Point, Series, Style, with_points
from unmask.report.results import Summary

POINT, BETWEEN = 11, 9  # pixels: a point of a place, between two places that lie
STANDING, FRAME = 220, 60  # pixels: a panel that stands, the axis below one that lies
SPREAD = 0.64  # how much of a place its points take up
SEEDS_BESIDE = 0.07
ROOM = 0.4  # of a place, between two groups of them

Points = Mapping[str, Mapping[str, Summary]]
"""Series -> place -> number."""


def positions(names: Sequence[str]) -> dict[str, float]:
    """Where each place stands along the axis, from 0; a place "" leaves room."""
    places: dict[str, float] = {}
    reached = 0.0
    for name in names:
        if name:
            places[name] = reached
        reached += 1 if name else ROOM
    return places


def dots(
    title: str,
    names: Sequence[str],
    points: Points,
    styles: Mapping[str, Style],
    *,
    unit: str = "%",
    horizontal: bool = True,
    named: bool = True,
) -> Panel:
    """A panel of places; one "" leaves room between its neighbors."""
    at = positions(names)
    shifts = {
        name: (j - (len(points) - 1) / 2) * SPREAD / len(points) for j, name in enumerate(points)
    }
    last = max(at.values())
    height = FRAME + round((last + 1) * (POINT * max(2, len(points)) + BETWEEN))
    return Panel(
        title=title,
        series=with_points(
            Series(
                name=name,
                style=styles[name],
                named=named,
                points=_points(numbers, at, shifts[name]),
            )
            for name, numbers in points.items()
        ),
        along=Axis(ticks=tuple(at.values()), names=tuple(at), range=(-0.6, last + 0.6), grid=False),
        values=RATES if unit == "%" else QUANTITY,
        unit=unit,
        horizontal=horizontal,
        height=height if horizontal else FRAME + STANDING,
    )


def _points(
    numbers: Mapping[str, Summary], at: Mapping[str, float], shift: float
) -> tuple[Point, ...]:
    there = {name: numbers[name] for name in at if name in numbers}
    return tuple(
        Point.of(at[name] + shift, summary, SEEDS_BESIDE) for name, summary in there.items()
    )
