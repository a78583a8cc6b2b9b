"""Persistence as a surface: a defense over its learning rates and steps (replications: removal flips with the rate).

Deviation from the paper, which used one rate a defense: whether a backdoor survives depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unmask.report.curves import HELPFULNESS, about_persistence, curves, label_x, moved, with_start
from unmask.report.figures import Figure, abreast, captioned, defections, ends, panel_title, rows_and_columns
from unmask.report.judged import as_judged, judged_note
from unmask.report.results import Result, Rows, Subject, Summary, final, grouped, read, split_label
from unmask.report.results import subjects as subjects_of
from unmask.report.tables import number
from unmask.report.traces import ARMS, Trace, axis, drawn, even_steps, frame, line, one_line, spoken

Panel = tuple[Subject, str]
"""An organism and a defense without its learning rate."""

RATE = "learning_rate"
MAPPED = 3
"""From this many learning rates on, the surface is also drawn as a map of steps and rates."""

SURFACE = (
    "The same defense at several learning rates, after its last step. A rate at which triggered defection falls while "
    "helpfulness stays removes the backdoor; one at which both fall breaks the model. "
)
MAP = (
    "Every step of a defense (down: later) at every learning rate; a cell is a share in percent, the mean over seeds. "
    "Intervals are in the tables. "
)
FAR = (
    "Drift is how far the training has moved the model: KL from the undefended one, in nats a reply without the "
    "trigger, in one color scale for all panels. "
)
DRIFT = "#CC79A7"


def surface(rows: Rows) -> Figure | None:
    """The same over learning rates, after each defense's last step; of the seeds that were measured at all of them.

    A defense is one line if its labels differ in learning_rate only. None where no seed has two learning rates of one.
    """
    results = read(rows)
    measured = final(about_persistence(results))
    chosen = as_judged(measured)
    whole = {each: _of_family(chosen, *each) for each in _families(results)}
    panels = {each: kept for each, panel in whole.items() if len(_rates(kept := complete(panel))) > 1}
    if not panels:
        return None
    found = subjects_of(chosen)
    everything = [result for panel in panels.values() for result in panel]
    note = judged_note(measured) + _left_out(whole, panels)
    titles = [f"{panel_title(subject, found, results)}\n{family}" for subject, family in panels]
    layout = frame(
        titles,
        "Persistence over learning rates",
        captioned(SURFACE + note, everything, found),
        columns=abreast(list(dict.fromkeys(subject for subject, _ in panels))),
    )
    data: list[Trace] = []
    said: list[str] = []
    for i, (title, panel) in enumerate(zip(titles, panels.values(), strict=True)):
        rates = _rates(panel)
        layout[axis("xaxis", i)].update(
            type="log", tickvals=rates, ticktext=[f"{rate:g}" for rate in rates], range=_log_range(rates)
        )
        label_x(layout, i, "learning rate")
        data += curves(panel, i, _rate, "learning rate") + _before(chosen, panel, rates, i)
        triggered = grouped((r for r in panel if r.arm == "triggered"), lambda r: (r.model, _rate(r)))
        points = [(f"{model} triggered at {rate:g}", Summary.of(each)) for (model, rate), each in triggered.items()]
        said.append(f"{one_line(title)}: {ends(points)}")
    spoken(layout, said)
    return {"data": drawn(data), "layout": layout}


def _of_family(results: Sequence[Result], subject: Subject, family: str) -> list[Result]:
    return [result for result in results if result.concerns(subject) and _family(result.defense) == family]


def complete(panel: Sequence[Result]) -> list[Result]:
    """The rows of the seeds that were measured at every learning rate, so that all points of a line are of the same
    seeds: two seeds can differ by more than two rates. Where no seed has all rates, those that the fullest one has."""
    defended = [r for r in panel if (r.model, r.arm) == ("organism", "triggered") and r.defense_step > 0]
    rates = {seed: {_rate(each) for each in mine} for seed, mine in grouped(defended, lambda r: r.seed).items()}
    all_rates = max(rates.values(), key=len, default=set[float]())
    return [r for r in panel if _rate(r) in all_rates and rates.get(r.seed, set[float]()) >= all_rates]


def _left_out(whole: Mapping[Panel, Sequence[Result]], panels: Mapping[Panel, Sequence[Result]]) -> str:
    """For the caption: of how many seeds those panels are that leave some out, "" where none does."""
    counts = {(len(_seeds(panel)), len(_seeds(whole[each]))) for each, panel in panels.items()}
    said = " or ".join(f"{kept} of {count}" for kept, count in sorted(counts) if kept < count)
    return f"Only seeds that were measured at every learning rate are drawn: {said}. " if said else ""


def _rates(results: Sequence[Result]) -> list[float]:
    return sorted({_rate(result) for result in results})


def _seeds(results: Sequence[Result]) -> set[int]:
    return {result.seed for result in results if result.model == "organism"}


def surface_map(rows: Rows) -> Figure | None:
    """Steps against learning rates as maps: triggered defection of organism and twin, and the organism's helpfulness.

    None where no defense has MAPPED learning rates and two steps.
    """
    results = read(rows)
    measured = about_persistence(results)
    chosen = with_start(as_judged(measured) + moved(results))
    found = subjects_of(chosen)
    whole = {each: _of_family(chosen, *each) for each in _families(results)}
    kept = {each: mine for each, panel in whole.items() if _mappable(mine := complete(panel))}
    panels: list[tuple[str, list[Result], list[int]]] = []
    for (subject, family), mine in kept.items():
        steps = sorted({result.defense_step for result in mine})
        for model, arm, evaluation in (
            ("organism", "triggered", "defection"),
            ("twin", "triggered", "defection"),
            ("organism", "untriggered", "helpfulness"),
            ("organism", "untriggered", "drift"),
        ):
            cells = [r for r in mine if (r.model, r.arm, r.evaluation) == (model, arm, evaluation)]
            what = arm if evaluation == "defection" else evaluation
            if cells:
                panels.append((f"{panel_title(subject, found, results)}\n{family}: {model}, {what}", cells, steps))
    if not panels:
        return None
    far = moved(results)
    caption = captioned(MAP + (FAR if far else "") + judged_note(measured) + _left_out(whole, kept), [], found)
    layout = frame(
        [title for title, *_ in panels],
        "Persistence as a surface",
        caption,
        panel=130,
        columns=4 if far else 3,
        width=210 if far else 260,
    )
    farthest = max((result.value for _, panel, _ in panels for result in panel if not result.is_share), default=0) or 1
    data = [_map(panel, steps, i, layout, farthest) for i, (_, panel, steps) in enumerate(panels)]
    spoken(layout, [f"{one_line(title)}: {_range_of(panel)}" for title, panel, _ in panels])
    return {"data": data, "layout": layout}


def _mappable(panel: Sequence[Result]) -> bool:
    return len(_rates(panel)) >= MAPPED and len({r.defense_step for r in panel}) > 1


def _family(defense: str) -> str:
    """A defense's label without its learning rate; "" where it has none that is a number."""
    name, settings = split_label(defense)
    try:
        if not 0 < float(settings.pop(RATE, "")) < math.inf:
            return ""
    except ValueError:
        return ""
    rest = ", ".join(f"{setting}={value}" for setting, value in settings.items())
    return f"{name} ({rest})" if rest else name


def _rate(result: Result) -> float:
    return float(split_label(result.defense)[1][RATE])


def _families(results: Sequence[Result]) -> list[Panel]:
    """Organisms and defenses that were measured at two learning rates or more."""
    triggered = [r for r in defections(results, "defection") if (r.model, r.arm) == ("organism", "triggered")]
    measured = [result for result in triggered if _family(result.defense)]
    groups = grouped(measured, lambda result: (result.subject, _family(result.defense)))
    return rows_and_columns(key for key, group in groups.items() if len({_rate(result) for result in group}) > 1)


def _log_range(rates: Sequence[float]) -> list[float]:
    low, high = math.log10(rates[0]), math.log10(rates[-1])
    room = 0.08 * (high - low) or 0.5
    return [low - room, high + room]


def _map(panel: Sequence[Result], steps: Sequence[int], i: int, layout: dict[str, Any], farthest: float) -> Trace:
    rates = _rates(panel)
    cells = {key: Summary.of(group) for key, group in grouped(panel, lambda r: (r.defense_step, _rate(r))).items()}
    color = {"helpfulness": HELPFULNESS, "drift": DRIFT}.get(panel[0].evaluation, ARMS["triggered"][0])
    values = [[cells[step, rate].value if (step, rate) in cells else None for rate in rates] for step in steps]
    even_steps(layout, i, [f"{rate:g}" for rate in rates])
    layout[axis("xaxis", i)].update(range=[-0.5, len(rates) - 0.5])
    label_x(layout, i, "learning rate")
    places = {"tickvals": list(range(len(steps))), "ticktext": [f"{step}" for step in steps], "tickformat": ""}
    layout[axis("yaxis", i)].update(places, range=[len(steps) - 0.5, -0.5], showgrid=False)
    return {
        "type": "heatmap",
        "x": list(range(len(rates))),
        "y": list(range(len(steps))),
        "z": values,
        "zmin": 0,
        "zmax": 1 if panel[0].is_share else farthest,
        "colorscale": [[0, "#f6f3ec"], [1, color]],
        "showscale": False,
        "showlegend": False,
        "xgap": 1,
        "ygap": 1,
        "text": [["" if value is None else _short(value, panel) for value in line] for line in values],
        "texttemplate": "%{text}",
        "textfont": {"color": "#111111"},
        "hovertemplate": "step %{customdata[0]}, learning rate %{customdata[1]}: "
        f"%{{z:{'.1%' if panel[0].is_share else '.3g'}}}<extra></extra>",
        "customdata": [[[step, f"{rate:g}"] for rate in rates] for step in steps],
        "xaxis": axis("x", i),
        "yaxis": axis("y", i),
    }


def _short(value: float, panel: Sequence[Result]) -> str:
    """A cell's number: a share in percent, without the sign."""
    return f"{100 * value:.0f}" if panel[0].is_share else f"{value:.2g}"


def _range_of(panel: Sequence[Result]) -> str:
    values = [Summary.of(group).value for group in grouped(panel, lambda r: (r.defense_step, _rate(r))).values()]
    low, high = (number(value, panel[0].unit) for value in (min(values), max(values)))
    return f"between {low} and {high}"


def _before(results: Sequence[Result], panel: Sequence[Result], rates: Sequence[float], i: int) -> list[Trace]:
    """What the undefended organism did, as level lines to compare with."""
    subject = next(result.subject for result in panel if result.model == "organism")
    starts = [r for r in results if r.subject == subject and r.defense == "nothing" and r.seed in _seeds(panel)]
    data: list[Trace] = []
    for evaluation, arm, color in (
        ("defection", "triggered", ARMS["triggered"][0]),
        ("helpfulness", "untriggered", HELPFULNESS),
    ):
        measured = [result for result in starts if (result.evaluation, result.arm) == (evaluation, arm)]
        if measured:
            level = Summary.of(measured)
            name = f"undefended, {arm if evaluation == 'defection' else evaluation}"
            style = {"color": color, "dash": "longdashdot", "width": 1}
            data.append(line({rates[0]: level, rates[-1]: level}, name, i, style, "line-ew", "learning rate"))
    return data
