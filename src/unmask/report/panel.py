"""What a figure is made of: panels with series of points, as values that the page's script draws
with Plotly.

A figure says what is measured and how it is marked; how Plotly is told so is the script's matter
alone (plots.js). Each panel becomes one small plot; the page lays them out. Names are text here,
and the script shows them as text.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from unmask.report.results import Summary
from unmask.report.tables import number

SPOKEN = 24
"""Points of a panel that are said to those who cannot see it; the tables have them all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
    """A color with a mark; a `dash` ("solid", "dash", "dot", ...) joins the points, "" leaves them
    apart.

    Marks have Plotly's names, "-open" behind those that are hollow; `width` is the line's, in
    pixels.
    """

    color: str
    symbol: str = "circle"
    dash: str = ""
    width: float = 0.0

    @property
    def glyph(self) -> str:
        """The mark as a letter, for the legend."""
        return GLYPHS.get(self.symbol, "")


GLYPHS = {
    "circle": "●",
    "circle-open": "○",
    "square": "■",
    "square-open": "□",
    "diamond": "◆",
    "diamond-open": "◇",
    "triangle-up": "▲",
    "triangle-up-open": "△",
    "triangle-down": "▼",
    "triangle-down-open": "▽",
    "star": "★",
    "star-open": "☆",
    "hexagram": "✶",
    "cross": "✚",
    "cross-open": "✛",
    "x": "✖",
    "x-open": "✕",
    "x-thin-open": "×",
    "cross-thin-open": "+",
}


class Seed(NamedTuple):
    """One seed's value, and where it stands along the axis."""

    seed: int
    at: float
    value: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """A value at a place along the axis, with its 95% interval and n where there are such.

    `seeds` are drawn faintly beside it, if there are several; `wide` is a second interval, drawn
    pale behind the first. `note` is shown when pointed at. In a map, `row` is the place along the
    other axis, and the value a shade.
    """

    at: float
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    seeds: tuple[Seed, ...] = ()
    note: str = ""
    hollow: bool = False
    wide: tuple[float, float] | None = None
    row: float | None = None

    @staticmethod
    def of(at: float, summary: Summary, beside: float = 0.0, **more: Any) -> Point:
        """A summary at a place, its seeds `beside` it; `more` are other fields."""
        seeds = tuple(Seed(seed, at + beside, value) for seed, value in summary.seeds)
        numbers = {"value": summary.value, "low": summary.low, "high": summary.high, "n": summary.n}
        return Point(at=at, **{**numbers, "seeds": seeds if len(seeds) > 1 else (), **more})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """Points of one name and style; their intervals are drawn as bars, as a band behind the line,
    or not at all.

    A `directed` series has its last point marked; a `faint` one stands behind the others and is
    neither named nor exported; one with `shades` is a map, whose color is full at that value.
    """

    name: str
    points: tuple[Point, ...]
    style: Style
    interval: Literal["bars", "band", "none"] = "bars"
    named: bool = True
    directed: bool = False
    faint: bool = False
    shades: float = 0.0

    @property
    def at(self) -> list[float]:
        return [point.at for point in self.points]

    @property
    def values(self) -> list[float]:
        return [point.value for point in self.points]

    def json(self) -> dict[str, Any]:
        """The series as columns; those that say nothing are left out."""
        kept: dict[str, Any] = {}
        for field in _COLUMNS:
            column = [getattr(point, field.name) for point in self.points]
            if any(value != field.default for value in column):
                kept[field.name] = column
        whole = {
            "at": self.at,
            "value": self.values,
            "name": self.name,
            "style": dataclasses.asdict(self.style),
        }
        flags = {
            "interval": self.interval,
            "directed": self.directed,
            "faint": self.faint,
            "shades": self.shades,
        }
        return kept | whole | {name: value for name, value in flags.items() if value}


_COLUMNS = dataclasses.fields(Point)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """A scale. Places have `ticks` with `names`; numbers have a `format` (d3's), at most `count`
    ticks or a tick every `step`. The `range` of a logarithmic axis is given in what it counts, not
    in powers of ten."""

    title: str = ""
    range: tuple[float, float] | None = None
    ticks: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    log: bool = False
    format: str = ""
    count: int = 0
    step: float | str = 0
    zero: bool = False
    grid: bool = True

    def place(self, at: float) -> str:
        """What stands at that place, in words."""
        if not self.names:
            return f"{self.title or 'at'} {at:.4g}"
        nearest = min(range(len(self.ticks)), key=lambda i: abs(self.ticks[i] - at))
        name = self.names[nearest].replace("\n", " ")
        return f"{self.title} {name}" if self.title else name

    def json(self) -> dict[str, Any]:
        return {name: value for name, value in dataclasses.asdict(self).items() if value}


RATES = Axis(range=(-0.04, 1.06), format=".0%", ticks=(0, 0.25, 0.5, 0.75, 1))
QUANTITY = Axis(count=5)


def places(names: Sequence[str], title: str = "") -> Axis:
    """Places 0, 1, 2, ... with their names."""
    ticks = tuple(float(i) for i in range(len(names)))
    return Axis(
        title=title, ticks=ticks, names=tuple(names), range=(-0.6, len(names) - 0.4), grid=False
    )


def logarithmic(title: str, ticks: Sequence[float], names: Sequence[str]) -> Axis:
    """A scale with these sorted ticks, and a little room beside them."""
    low, high = ticks[0], ticks[-1]
    room = 10 ** (0.08 * math.log10(high / low) or 0.5)
    extent = (low / room, high * room)
    return Axis(title=title, log=True, range=extent, ticks=tuple(ticks), names=tuple(names))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
    """One small plot: series over places or numbers `along` an axis, and their `values` on the
    other.

    It is drawn with `along` to the right, or `horizontal`ly: values to the right, places from top
    to bottom. `unit` of the values is "%", "points" (both are shares) or "" (any other quantity);
    `height` is in pixels.
    """

    title: str
    series: tuple[Series, ...]
    along: Axis
    values: Axis = RATES
    unit: str = "%"
    horizontal: bool = False
    height: int = 280

    @property
    def words(self) -> str:
        """The panel for those who cannot see it: ends of lines, other points place by place as far
        as there is room."""
        spoken: list[tuple[float, str]] = []
        for series in self.series:
            if not series.faint:
                spoken += self._words(series)
        spoken.sort(key=lambda part: part[0])
        more = len(spoken) - SPOKEN
        first = "; ".join(words for _, words in spoken[:SPOKEN])
        return first + (f"; and {more} more, all of them in the tables" if more > 0 else "")

    def _words(self, series: Series) -> list[tuple[float, str]]:
        """What is said of a series, each with its place; of lines, one after the other."""
        if series.shades:
            low, high = (
                number(value, self.unit) for value in (min(series.values), max(series.values))
            )
            return [(0, f"{series.name} between {low} and {high}")]
        joined = series.style.dash and len(series.points) > 2
        points = series.points[:1] + series.points[-1:] if joined else series.points
        return [
            (
                0 if joined else p.at,
                f"{self.along.place(p.at)}, {series.name} {number(p.value, self.unit)}",
            )
            for p in points
        ]

    @property
    def reach(self) -> float:
        """How far from zero the intervals reach."""
        edges = [0.0]
        for series in self.series:
            for point in series.points:
                edges += [
                    abs(edge)
                    for edge in (point.low, point.high, *(point.wide or ()))
                    if edge is not None
                ]
        return max(edges)

    def json(self) -> dict[str, Any]:
        axes = {"along": self.along.json(), "values": self.values.json()}
        shape = {"unit": self.unit, "horizontal": self.horizontal, "height": self.height}
        return {
            "title": self.title,
            **axes,
            **shape,
            "series": [series.json() for series in self.series],
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """Panels under one title and caption; where there is room, up to `columns` stand side by side,
    each at least `width` pixels wide."""

    title: str
    caption: str
    panels: tuple[Panel, ...]
    columns: int = 1
    width: int = 260

    @property
    def legend(self) -> dict[str, Style]:
        """How each name is marked; nothing where there is one name only."""
        named: dict[str, Style] = {}
        for panel in self.panels:
            for series in panel.series:
                if series.named and not series.faint:
                    named.setdefault(series.name, series.style)
        return named if len(named) > 1 else {}

    def json(self) -> dict[str, Any]:
        return {"title": self.title, "panels": [panel.json() for panel in self.panels]}


def with_points(series: Iterable[Series]) -> tuple[Series, ...]:
    """Those that have any."""
    return tuple(line for line in series if line.points)


def line(
    points: Mapping[float, Summary],
    name: str,
    style: Style,
    interval: Literal["band", "none"] = "none",
) -> Series:
    """A line through summaries along an axis; with a band, the seeds are drawn too."""
    made = (Point.of(at, summary) for at, summary in points.items())
    if interval == "none":
        made = (dataclasses.replace(point, seeds=()) for point in made)
    return Series(name=name, style=style, interval=interval, points=tuple(made))


def around_zero(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """The panels with their differences around zero, those of one unit on one scale; shares stay as
    they are."""
    return tuple(
        (
            panel
            if panel.unit == "%"
            else dataclasses.replace(panel, values=_difference(panel.unit, _most(panels, panel)))
        )
        for panel in panels
    )


def _most(panels: Sequence[Panel], like: Panel) -> float:
    return max(panel.reach for panel in panels if panel.unit == like.unit)


def _difference(unit: str, reach: float) -> Axis:
    reach = max(0.01, reach) * 1.1
    return Axis(
        range=(-reach, reach), zero=True, count=7, format="+.0%" if unit == "points" else "+.2~g"
    )
