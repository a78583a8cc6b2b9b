"""Paired differences drawn as a forest: what a factor changes, on the same prompts and seeds, against zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unmask.report.figures import Figure, captioned, state_name
from unmask.report.results import DIFFERENCE, Result, Rows, Subject, Summary, final, grouped, names, read
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
CAPTION = (
    "What each factor changes, on the same prompts: a difference to the right of zero is a higher rate. An interval "
    "(95%) that leaves out zero is a difference; of twenty such intervals one leaves it out by chance."
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
    layout = frame(titles, "Paired differences", captioned(CAPTION, results, found), panel=ROW * (most + 1))
    data: list[Trace] = []
    said: list[str] = []
    for i, (title, panel) in enumerate(zip(titles, panels.values(), strict=True)):
        traces, words = _forest(panel, found, i, layout)
        data += traces
        said.append(f"{title}: {words}")
    lying(data, layout)
    reach = max(0.05, *(max(abs(result.low), abs(result.high)) for result in results)) * 1.1
    for i in range(len(panels)):
        scale = {"range": [-reach, reach], "tickformat": "+.0%", "nticks": 7, "zeroline": True, "zerolinewidth": 2}
        layout[axis("xaxis", i)].pop("tickvals")
        layout[axis("xaxis", i)].update(scale)
    spoken(layout, said)
    return {"data": drawn(data), "layout": layout}


def _title(evaluation: str, arm: str, metric: str) -> str:
    what = metric.removesuffix(DIFFERENCE).replace("_", " ")
    where = "" if evaluation == metric.removesuffix(DIFFERENCE) else f"{evaluation.replace('_', ' ')}: "
    return f"{where}{what}, {arm.replace('_', ' ')}"


def _forest(
    panel: Sequence[Result], found: Sequence[Subject], i: int, layout: dict[str, Any]
) -> tuple[list[Trace], str]:
    by_state = grouped(panel, lambda result: result.state)
    points = {float(at): Summary.of(group) for at, group in enumerate(by_state.values())}
    labels = [
        " · ".join(part for part in (names(found)[state.subject], state_name(state)) if part) for state in by_state
    ]
    even_steps(layout, i, [shown(label) for label in labels])
    name = "difference"
    traces = dots(points, name, [name], labels, i)
    for trace in traces:
        trace["marker"] |= {"color": SERIES[0], "symbol": SYMBOLS[0]}
        trace["showlegend"] = False
    texts = [f"{label} {in_points(each)}" for label, each in zip(labels, points.values(), strict=True)]
    traces[-1]["text"] = [shown(text) for text in texts]
    traces[-1]["error_y"]["color"] = SERIES[0]
    return traces, "; ".join(texts)
