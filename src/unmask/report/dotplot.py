"""One figure for many chapters: places below each other, in each a point with its interval for every series.

Deviation from the paper, whose bars leave out what is small: a point with its interval can also be zero.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from unmask.report.figures import Figure, ends
from unmask.report.results import Result, Summary, in_order
from unmask.report.tables import number
from unmask.report.traces import (
    SERIES,
    SYMBOLS,
    TWIN,
    Trace,
    axis,
    dots,
    drawn,
    even_steps,
    frame,
    lying,
    one_line,
    shown,
    spoken,
)

Style = tuple[str, str]
BASE = "#8C6D31"
POINT, BETWEEN, SLOT = 11, 9, 78  # pixels: a point of a place, between two places lying, a place standing
SPREAD = 0.64  # how much of a place its points take up
ROOM = 0.4  # of a place, between two groups of them


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
    """`points` are series -> place -> number; a place "" leaves room. `unit` is "%", "points" or "" (a quantity).

    What is not a share is taken for a difference and drawn around zero.
    """

    title: str
    places: tuple[str, ...]
    points: Mapping[str, Mapping[str, Summary]]
    unit: str = "%"

    @property
    def at(self) -> dict[str, float]:
        """Where each place stands along the axis, from 0."""
        found: dict[str, float] = {}
        reached = 0.0
        for place in self.places:
            if place:
                found[place] = reached
            reached += 1 if place else ROOM
        return found

    @property
    def reach(self) -> float:
        """How far from zero the intervals reach."""
        return max(
            abs(edge) for mine in self.points.values() for each in mine.values() for edge in (each.low, each.high)
        )


def dotplot(
    panels: Sequence[Panel], styles: Mapping[str, Style], title: str, caption: str, *, standing: bool = False
) -> Figure:
    """The panels one below the other, places from top to bottom; or `standing`, side by side where there is room."""
    most = max(math.ceil(max(panel.at.values())) + 1 for panel in panels)
    series = max(len(panel.points) for panel in panels)
    layout = frame(
        [panel.title for panel in panels],
        title,
        caption,
        panel=220 if standing else max(60, most * (POINT * series + BETWEEN)),
        columns=2 if standing else 1,
        width=SLOT * most,
        quantities=[i for i, panel in enumerate(panels) if panel.unit != "%"],
    )
    data: list[Trace] = []
    words: list[str] = []
    for i, panel in enumerate(panels):
        at = panel.at
        even_steps(layout, i, [shown(place) for place in at])
        places = layout[axis("xaxis", i)]
        places["tickvals"], places["range"] = list(at.values()), [-0.6, max(at.values()) + 0.6]
        for j, name in enumerate(panel.points):
            data += _points(panel, i, name, (j - (len(panel.points) - 1) / 2) * SPREAD / len(panel.points), styles)
        words.append(f"{one_line(panel.title)}: {_words(panel)}")
    spoken(layout, words)
    if not standing:
        lying(data, layout)
    for i, panel in enumerate(panels):
        if panel.unit != "%":
            reach = max(each.reach for each in panels if each.unit == panel.unit)
            layout[axis("yaxis" if standing else "xaxis", i)].update(_around_zero(reach, panel.unit))
    return {"data": drawn(data), "layout": layout}


def _points(panel: Panel, i: int, name: str, shift: float, styles: Mapping[str, Style]) -> list[Trace]:
    """One series of a panel: the faint seeds, and the points with their intervals."""
    at = panel.at
    found = {place: panel.points[name][place] for place in at if place in panel.points[name]}
    points = {at[place] + shift: each for place, each in found.items()}
    traces = dots(points, name, [name], [f"{name}, {place}" for place in found], i, panel.unit == "%")
    color, symbol = styles[name]
    for trace in traces:
        trace["marker"] |= {"color": color}
        trace["name"] = trace["legendgroup"] = shown(name)
    traces[-1]["marker"]["symbol"] = symbol
    traces[-1]["error_y"]["color"] = color
    traces[-1]["text"] = [_hover(f"{name}, {place}", each, panel.unit) for place, each in found.items()]
    return traces


def _hover(label: str, each: Summary, unit: str) -> str:
    value, low, high = (number(v, unit) for v in (each.value, each.low, each.high))
    seeds = f"<br>mean of {len(each.seeds)} seeds" if len(each.seeds) > 1 else ""
    return f"<b>{shown(label)}</b><br>{value}  [{low}, {high}]<br>n = {each.n:,}{seeds}"


def _words(panel: Panel) -> str:
    points = [(f"{name}, {place}", each) for name, mine in panel.points.items() for place, each in mine.items()]
    if panel.unit == "%":
        return ends(points)
    return "; ".join(f"{label} {number(each.value, panel.unit)}" for label, each in points)


def _around_zero(reach: float, unit: str) -> dict[str, Any]:
    """A scale for differences: as far below zero as above, the same for all panels of a unit."""
    reach = max(0.01, reach) * 1.1
    scale: dict[str, Any] = {"range": [-reach, reach], "zeroline": True, "zerolinewidth": 2, "nticks": 7}
    return scale | {"tickformat": "+.0%" if unit == "points" else "+.2~g"}


def state_styles(results: Sequence[Result]) -> dict[str, Style]:
    """A color and a marker for every model and defense: the organism's in colors, its controls' in gray and brown."""
    states = in_order(result.state for result in results)
    defenses = sorted(dict.fromkeys(state.defense for state in states), key=lambda defense: defense != "nothing")
    styles: dict[str, Style] = {}
    for _, model, defense in states:
        at = defenses.index(defense)
        color = {"twin": TWIN, "base": BASE}.get(model, SERIES[at % len(SERIES)])
        hollow = model != "organism" or at >= len(SERIES)
        name = model if defense == "nothing" else f"{model} + {defense}"
        styles[name] = (color, SYMBOLS[at % len(SYMBOLS)] + ("-open" if hollow else ""))
    return styles
