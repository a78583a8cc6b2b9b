"""What a figure is drawn with: points with intervals, lines with bands, and the frame around the panels.

The arm is encoded by color and by marker or dash; the palette is Okabe and Ito's, which survives color blindness. The
colors of text and grid come from the page, which knows whether it is light or dark. Plotly reads a few tags in its
texts, so every name is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from unmask.report.results import Summary

Trace = dict[str, Any]

ARMS = {"triggered": ("#D55E00", "circle", "solid"), "untriggered": ("#0072B2", "square", "dash")}
OTHER_ARMS = (
    ("#009E73", "diamond"),
    ("#E69F00", "triangle-up"),
    ("#CC79A7", "triangle-down"),
    ("#56B4E9", "cross"),
    ("#D55E00", "star"),
    ("#0072B2", "hexagram"),
)
SPREAD = 0.56  # how much of a state's slot its arms take up
SEEDS_BESIDE = 0.07
PANEL, GAP, TOP, BOTTOM = 270, 92, 44, 56  # pixels


def shown(text: str) -> str:
    """The text as Plotly has to be given it to show it as it is."""
    return html.escape(text, quote=False).replace("\n", "<br>")


def dots(points: Mapping[float, Summary], arm: str, arms: Sequence[str], labels: list[str], i: int) -> list[Trace]:
    """One arm's points with their intervals in panel `i`, at the x that `points` maps from; `labels` name them."""
    other = [name for name in arms if name not in ARMS]
    color, symbol = ARMS[arm][:2] if arm in ARMS else OTHER_ARMS[other.index(arm) % len(OTHER_ARMS)]
    name = arm.removeprefix("near_miss:").replace("_", " ")
    values = list(points.values())
    trace = _trace(points, name, i) | {
        "mode": "markers",
        "marker": {"color": color, "symbol": symbol, "size": 10},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [each.high - each.value for each in values],
            "arrayminus": [each.value - each.low for each in values],
            "color": color,
            "thickness": 1.5,
            "width": 4,
        },
        "text": [_hover(label, each) for label, each in zip(labels, values, strict=True)],
    }
    beside = {x + SEEDS_BESIDE: each for x, each in points.items()}
    return [seed_dots(beside, color, name, i), trace]


def line(points: Mapping[float, Summary], name: str, i: int, style: Mapping[str, Any], symbol: str) -> Trace:
    """A line through the points of panel `i`, with markers; `style` is Plotly's (color, dash, width)."""
    edge = {"width": 1.5, "color": style["color"]}
    return _trace(points, name, i) | {
        "mode": "lines+markers",
        "line": dict(style),
        "marker": {"color": style["color"], "symbol": symbol, "size": 7, "line": edge},
        "text": [_hover(f"{name}, step {step}", each) for step, each in points.items()],
    }


def band(points: Mapping[float, Summary], color: str, name: str, i: int) -> Trace:
    """The intervals of a line as an area behind it."""
    steps, values = list(points), list(points.values())
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return _trace({}, name, i) | {
        "x": steps + steps[::-1],
        "y": [each.high for each in values] + [each.low for each in values[::-1]],
        "mode": "lines",
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": f"rgba({red},{green},{blue},0.14)",
        "showlegend": False,
        "hoverinfo": "skip",
    }


def seed_dots(points: Mapping[float, Summary], color: str, name: str, i: int) -> Trace:
    """The seeds one by one, faint; nothing where there is one seed only."""
    found = [(x, seed, y) for x, each in points.items() if len(each.seeds) > 1 for seed, y in each.seeds]
    return _trace({}, name, i) | {
        "x": [x for x, _, _ in found],
        "y": [y for _, _, y in found],
        "mode": "markers",
        "marker": {"color": color, "size": 5, "opacity": 0.4},
        "showlegend": False,
        "text": [f"{shown(name)}<br>seed {seed}: {y:.1%}" for _, seed, y in found],
    }


def drawn(traces: Sequence[Trace]) -> list[Trace]:
    """The traces that have points, each name once in the legend, whichever panel it comes first in."""
    named: set[str] = set()
    kept = [trace for trace in traces if trace["x"]]
    for trace in kept:
        if trace["showlegend"]:
            trace["showlegend"] = trace["name"] not in named
            named.add(trace["name"])
    return kept


def _trace(points: Mapping[float, Summary], name: str, i: int) -> Trace:
    return {
        "type": "scatter",
        "name": shown(name),
        "legendgroup": shown(name),
        "showlegend": True,
        "x": list(points),
        "y": [each.value for each in points.values()],
        "xaxis": axis("x", i),
        "yaxis": axis("y", i),
        "hoverinfo": "text",
    }


def _hover(label: str, each: Summary) -> str:
    seeds = f"<br>mean of {len(each.seeds)} seeds" if len(each.seeds) > 1 else ""
    return f"<b>{shown(label)}</b><br>{each.value:.1%}  [{each.low:.1%}, {each.high:.1%}]<br>n = {each.n:,}{seeds}"


def axis(name: str, i: int) -> str:
    """Plotly's name of an axis of panel `i`: x, x2, x3, ..."""
    return name if i == 0 else f"{name}{i + 1}"


def frame(titles: Sequence[str], title: str, caption: str) -> dict[str, Any]:
    """The layout: one panel per title, one below the other, rates from 0 to 100% on y."""
    count = len(titles)
    inner = count * PANEL + (count - 1) * GAP
    layout: dict[str, Any] = {
        "meta": {"title": title, "caption": caption, "alt": f"{title}."},
        "height": inner + TOP + BOTTOM,
        "margin": {"l": 48, "r": 8, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"},
        "annotations": [],
    }
    for i, name in enumerate(titles):
        top = 1 - i * (PANEL + GAP) / inner
        bottom = max(0.0, top - PANEL / inner)
        layout[axis("yaxis", i)] = {
            "domain": [bottom, top],
            "range": [-0.04, 1.06],
            "tickformat": ".0%",
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "fixedrange": True,
            "zeroline": False,
            "anchor": axis("x", i),
        }
        layout[axis("xaxis", i)] = {"anchor": axis("y", i), "fixedrange": True, "zeroline": False, "automargin": True}
        layout["annotations"].append(
            {"text": f"<b>{shown(name)}</b>", "x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper"}
            | {"yanchor": "bottom", "yshift": 8, "showarrow": False, "align": "left"}
        )
    return layout
