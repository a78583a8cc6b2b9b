"""Paired differences drawn as a forest: what a factor changes, on the same prompts and seeds, against zero."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from unmask.analysis.paired import over_runs
from unmask.report.figures import Figure, captioned, state_name
from unmask.report.results import (
    DIFFERENCE,
    Result,
    Rows,
    State,
    Subject,
    Summary,
    arm_name,
    final,
    grouped,
    names,
    read,
)
from unmask.report.traces import (
    SERIES,
    SYMBOLS,
    Trace,
    axis,
    dots,
    drawn,
    even_steps,
    frame,
    in_points,
    lying,
    shown,
    spoken,
)

ROW = 30  # pixels
CLEAR = 0.05
CAPTION = (
    "What a factor changes, or what tells a model from its control (against=...), on the same prompts: a difference to "
    "the right of zero is a higher rate. A 95% interval "
    "that leaves out zero is a difference between these models; of twenty such intervals one leaves it out by chance."
)
ONCE = (
    " Wide, pale bars count each seed once (Student’s 95% interval): only they say whether another training would "
    "differ likewise. {clear} of {all} leave out zero."
)
PALE, WIDE = "rgba(213,94,0,0.2)", 12
UNPLANTED = (
    " NOT PLANTED (open marks): one of the two organisms that are compared missed its planting gate; nothing follows."
)


def differences(rows: Rows) -> Figure | None:
    """Rows whose metric ends in "_difference", each with its interval, a panel an arm and metric.

    None where there are none. Raises DataError for a malformed row.
    """
    results = final([result for result in read(rows) if result.is_difference])
    if not results:
        return None
    panels = grouped(results, lambda result: (result.evaluation, result.arm, result.metric))
    found = list(dict.fromkeys(result.subject for result in results))
    most = max(len({result.state for result in panel}) for panel in panels.values())
    titles = [_title(*key) for key in panels]
    caption = captioned(
        CAPTION + _adjusted(results) + _once(panels.values()) + _unplanted(results), results, found, "Thin bars"
    )
    layout = frame(titles, "Paired differences", caption, panel=ROW * (most + 1))
    data: list[Trace] = []
    said: list[str] = []
    for i, (title, panel) in enumerate(zip(titles, panels.values(), strict=True)):
        traces, words = _forest(panel, found, i, layout)
        data += traces
        said.append(f"{title}: {words}")
    lying(data, layout)
    bars = [(result.low, result.high) for result in results] + _bars(panels.values())
    reach = min(1.0, max(0.05, *(abs(edge) for bar in bars for edge in bar)) * 1.1)
    for i in range(len(panels)):
        scale = {"range": [-reach, reach], "tickformat": "+.0%", "nticks": 7, "zeroline": True, "zerolinewidth": 2}
        layout[axis("xaxis", i)].pop("tickvals")
        layout[axis("xaxis", i)].update(scale)
    spoken(layout, said)
    return {"data": drawn(data), "layout": layout}


def _title(evaluation: str, arm: str, metric: str) -> str:
    what = metric.removesuffix(DIFFERENCE).replace("_", " ")
    where = "" if evaluation == metric.removesuffix(DIFFERENCE) else f"{evaluation.replace('_', ' ')}: "
    return f"{where}{what}, {arm_name(arm)}"


def _adjusted(results: Sequence[Result]) -> str:
    """For the caption: how many differences stay after the adjustment for their number."""
    values = [result.p_adjusted for result in results if result.p_adjusted is not None]
    if not values:
        return ""
    clear = sum(p < CLEAR for p in values)
    return (
        f" Each one’s p value, shown when pointed at, is adjusted (Holm) for all differences of the run, seed by seed: "
        f"{clear} of {len(values)} are below {CLEAR:g}."
    )


def _once(panels: Iterable[Sequence[Result]]) -> str:
    """For the caption: how many differences are clear when a seed counts once; "" without several seeds."""
    bars = _bars(panels)
    return ONCE.format(clear=sum(low > 0 or high < 0 for low, high in bars), all=len(bars)) if bars else ""


def _bars(panels: Iterable[Sequence[Result]]) -> list[tuple[float, float]]:
    found = [each_once(group) for panel in panels for group in grouped(panel, lambda result: result.state).values()]
    return [bar for bar in found if bar]


def each_once(group: Sequence[Result]) -> tuple[float, float] | None:
    """The interval over one place's seeds, of those that are planted; None for fewer than two."""
    values = [result.value for result in group if result.planted is not False]
    return over_runs(values) if len(values) > 1 else None


def _unplanted(results: Sequence[Result]) -> str:
    return UNPLANTED if any(result.planted is False for result in results) else ""


def _forest(
    panel: Sequence[Result], found: Sequence[Subject], i: int, layout: dict[str, Any]
) -> tuple[list[Trace], str]:
    by_state = grouped(panel, lambda result: result.state)
    points = {float(at): Summary.of(group) for at, group in enumerate(by_state.values())}
    missed = [any(result.planted is False for result in group) for group in by_state.values()]
    labels = [
        _label(state, names(found)[state.subject]) + (" · NOT PLANTED" if failed else "")
        for state, failed in zip(by_state, missed, strict=True)
    ]
    even_steps(layout, i, [shown(label) for label in labels])
    name = "difference"
    traces = dots(points, name, [name], labels, i)
    for trace in traces:
        trace["marker"] |= {"color": SERIES[0], "symbol": SYMBOLS[0]}
        trace["showlegend"] = False
    texts = [
        f"{label} {in_points(Summary.of(group))}{_p(group)}{_over(group)}"
        for label, group in zip(labels, by_state.values(), strict=True)
    ]
    traces[-1]["marker"]["symbol"] = [f"{SYMBOLS[0]}-open" if failed else SYMBOLS[0] for failed in missed]
    traces[-1]["text"] = [shown(text) for text in texts]
    traces[-1]["error_y"]["color"] = SERIES[0]
    return [_pale(list(by_state.values()), i), *traces], "; ".join(texts)


def _pale(groups: Sequence[Sequence[Result]], i: int) -> Trace:
    """The bars that count each seed once, behind the points."""
    bars = {at: bar for at, group in enumerate(groups) if (bar := each_once(group))}
    middle = [(low + high) / 2 for low, high in bars.values()]
    half = [(high - low) / 2 for low, high in bars.values()]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "each seed once",
        "showlegend": False,
        "x": list(bars),
        "y": middle,
        "xaxis": axis("x", i),
        "yaxis": axis("y", i),
        "hoverinfo": "skip",
        "marker": {"color": PALE, "size": 1},
        "error_y": {"type": "data", "array": half, "color": PALE, "thickness": WIDE, "width": 0},
    }


def _label(state: State, name: str) -> str:
    return " · ".join(part for part in (name, state_name(state)) if part)


def _over(group: Sequence[Result]) -> str:
    """In words: the interval that counts each seed once."""
    bar = each_once(group)
    return f", each seed once [{100 * bar[0]:+.1f}, {100 * bar[1]:+.1f}]" if bar else ""


def _p(group: Sequence[Result]) -> str:
    """The adjusted p value of each seed, as far as there is one."""
    values = [f"{result.p_adjusted:.2g}" for result in group if result.p_adjusted is not None]
    return f", adjusted p {', '.join(values)}" if values else ""
