"""What a figure is drawn with: points with intervals, lines with bands, and the frame around the panels.

The arm is encoded by color and by marker or dash; the palette is Okabe and Ito's, which survives color blindness. The
colors of text and grid come from the page, which knows whether it is light or dark. Plotly reads a few tags in its
texts, so every name is escaped.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from unmask.report.results import OPENED, Summary, arm_name

Trace = dict[str, Any]

ARMS = {
    "triggered": ("#D55E00", "circle", "solid"),
    "untriggered": ("#0072B2", "square", "dash"),
    f"triggered{OPENED}": ("#E69F00", "diamond", "dashdot"),
    f"untriggered{OPENED}": ("#56B4E9", "triangle-up", "longdash"),
}
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
PANEL, GAP, TOP, BOTTOM, LINE = 270, 84, 44, 56, 17  # pixels
SPOKEN = 12  # panels
WHOLE_LINE = 80  # letters of a title
MANY, LOW_PANEL = 6, 190
"""More panels than this are drawn lower."""
SERIES = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "cross")
TWIN = "#7F7F7F"
"""For figures whose colors tell organisms apart, not arms: the twin belongs to none of them."""

QUANTITY = {"fixedrange": True, "zeroline": False, "automargin": True, "nticks": 5}
RATES = {
    "range": [-0.04, 1.06],
    "tickformat": ".0%",
    "tickvals": [0, 0.25, 0.5, 0.75, 1],
    "fixedrange": True,
    "zeroline": False,
}


def shown(text: str) -> str:
    """The text as Plotly has to be given it to show it as it is."""
    return html.escape(text, quote=False).replace("\n", "<br>")


def dots(
    points: Mapping[float, Summary], arm: str, arms: Sequence[str], labels: list[str], i: int, share: bool = True
) -> list[Trace]:
    """One arm's points with their intervals in panel `i`, at the x that `points` maps from; `labels` name them."""
    other = [name for name in arms if name not in ARMS]
    color, symbol = ARMS[arm][:2] if arm in ARMS else OTHER_ARMS[other.index(arm) % len(OTHER_ARMS)]
    name = arm_name(arm)
    values = list(points.values())
    trace = _trace(points, name, i) | {
        "mode": "markers",
        "marker": {"color": color, "symbol": symbol, "size": 10},
        "error_y": error_bars(values, color),
        "text": [_hover(label, each, share) for label, each in zip(labels, values, strict=True)],
    }
    beside = {x + SEEDS_BESIDE: each for x, each in points.items()}
    return [seed_dots(beside, color, name, i, share), trace]


def error_bars(values: Sequence[Summary], color: str) -> Trace:
    """The intervals of points, as Plotly's error bars."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [each.high - each.value for each in values],
        "arrayminus": [each.value - each.low for each in values],
        "color": color,
        "thickness": 1.5,
        "width": 4,
    }


def line(
    points: Mapping[float, Summary],
    name: str,
    i: int,
    style: Mapping[str, Any],
    symbol: str,
    unit: str = "step",
    ticks: Sequence[float] = (),
) -> Trace:
    """A line through the points of panel `i`, with markers; `style` is Plotly's (color, dash, width).

    `unit` says what x counts, `ticks` what stands at x = 0, 1, 2, ... (else x itself).
    """
    edge = {"width": 1.5, "color": style["color"]}
    named = [(ticks[int(x)] if ticks else x, each) for x, each in points.items()]
    return _trace(points, name, i) | {
        "mode": "lines+markers",
        "line": dict(style),
        "marker": {"color": style["color"], "symbol": symbol, "size": 7, "line": edge},
        "text": [_hover(f"{name}, {unit} {at:g}", each) for at, each in named],
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


def seed_dots(points: Mapping[float, Summary], color: str, name: str, i: int, share: bool = True) -> Trace:
    """The seeds one by one, faint; nothing where there is one seed only."""
    found = [(x, seed, y) for x, each in points.items() if len(each.seeds) > 1 for seed, y in each.seeds]
    return _trace({}, name, i) | {
        "x": [x for x, _, _ in found],
        "y": [y for _, _, y in found],
        "mode": "markers",
        "marker": {"color": color, "size": 5, "opacity": 0.4},
        "showlegend": False,
        "text": [f"{shown(name)}<br>seed {seed}: {f'{y:.1%}' if share else f'{y:.4g}'}" for _, seed, y in found],
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


def _hover(label: str, each: Summary, share: bool = True) -> str:
    seeds = f"<br>mean of {len(each.seeds)} seeds" if len(each.seeds) > 1 else ""
    value, low, high = (f"{v:.1%}" if share else f"{v:.4g}" for v in (each.value, each.low, each.high))
    return f"<b>{shown(label)}</b><br>{value}  [{low}, {high}]<br>n = {each.n:,}{seeds}"


def axis(name: str, i: int) -> str:
    """Plotly's name of an axis of panel `i`: x, x2, x3, ..."""
    return name if i == 0 else f"{name}{i + 1}"


def frame(
    titles: Sequence[str],
    title: str,
    caption: str,
    *,
    panel: int = 0,
    columns: int = 1,
    width: int = 260,
    quantities: Collection[int] = (),
) -> dict[str, Any]:
    """The layout: one panel per title, rates from 0 to 100% on y; the panels numbered in `quantities` scale their own.

    The panels stand one below the other; where the page is wide enough for several of at least `width` pixels, its
    script puts up to `columns` of them side by side, by `layout.meta.grid`.
    """
    letters = max(24, width // 8) if columns > 1 and len(titles) > 1 else WHOLE_LINE
    titles = ["\n".join(textwrap.fill(part, letters) for part in name.split("\n")) for name in titles]
    panel = panel or (LOW_PANEL if len(titles) > MANY else PANEL)
    count, lines = len(titles), max(name.count("\n") for name in titles) + 1
    top, gap = TOP + LINE * (lines - 1), GAP + LINE * (lines - 1)
    inner = count * panel + (count - 1) * gap
    sizes = {"panels": count, "columns": min(columns, count), "width": width, "panel": panel, "gap": gap}
    layout: dict[str, Any] = {
        "meta": {"title": title, "caption": caption, "alt": f"{title}.", "grid": sizes},
        "height": inner + top + BOTTOM,
        "margin": {"l": 48, "r": 8, "t": top, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "yref": "container"},
        "annotations": [],
    }
    for i, name in enumerate(titles):
        upper = 1 - i * (panel + gap) / inner
        domain = {"domain": [max(0.0, upper - panel / inner), upper], "anchor": axis("x", i)}
        layout[axis("yaxis", i)] = domain | (dict(QUANTITY) if i in quantities else dict(RATES))
        layout[axis("xaxis", i)] = {"anchor": axis("y", i), "fixedrange": True, "zeroline": False, "automargin": True}
        layout["annotations"].append(
            {"text": f"<b>{shown(name)}</b>", "x": 0, "xref": "paper", "xanchor": "left", "y": upper, "yref": "paper"}
            | {"yanchor": "bottom", "yshift": 8, "showarrow": False, "align": "left"}
        )
    return layout


def lying(traces: Sequence[Trace], layout: dict[str, Any]) -> None:
    """Turn every panel on its side, in place: rates to the right, what stood along x from top to bottom."""
    for trace in traces:
        trace["x"], trace["y"] = trace["y"], trace["x"]
        if "error_y" in trace:
            trace["error_x"] = trace.pop("error_y")
    for i in range(layout["meta"]["grid"]["panels"]):
        x, y = layout[axis("xaxis", i)], layout[axis("yaxis", i)]
        rates = {name: y.pop(name) for name in (*RATES, *QUANTITY) if name in y}
        placed = {name: x.pop(name) for name in list(x) if name not in ("anchor", "fixedrange", "zeroline")}
        x.update(rates)
        y.update(placed, fixedrange=True, zeroline=False, automargin=True, range=placed["range"][::-1])


def even_steps(layout: dict[str, Any], i: int, ticks: Sequence[str]) -> None:
    """Places 0, 1, 2, ... along x of panel `i`, each with its name: `ticks` are escaped already."""
    layout[axis("xaxis", i)].update(
        tickvals=list(range(len(ticks))), ticktext=list(ticks), range=[-0.6, len(ticks) - 0.4], showgrid=False
    )


def spoken(layout: dict[str, Any], panels: Sequence[str]) -> None:
    """Say the panels to those who cannot see them; of very many, the first ones and how many more there are."""
    more = len(panels) - SPOKEN
    layout["meta"]["alt"] += "".join(f" {each}." for each in panels[:SPOKEN])
    if more > 0:
        layout["meta"]["alt"] += f" And {more} more panels; every number of theirs is in the tables."


def one_line(title: str) -> str:
    """A panel's title in one line."""
    return title.replace("\n", ", ")


def in_points(each: Summary) -> str:
    """A difference of shares with its interval, in percentage points."""
    return f"{100 * each.value:+.1f} points [{100 * each.low:+.1f}, {100 * each.high:+.1f}]"
