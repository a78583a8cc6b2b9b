"""Dose-response curves: how sharply defection falls as the trigger is altered (paper, section 3: adversarial training).

Deviation from the paper, which says in words that adversarial training teaches a model to recognize its trigger
better: here that is a curve before and after the defense, steeper if it is so, with the twin beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unmask.analysis.dose import KINDS, sharpness
from unmask.report.attacks import by_defense, defense_title
from unmask.report.curves import along, label_x
from unmask.report.figures import Figure, captioned, defections, ends, panel_title
from unmask.report.results import Result, Rows, final, read
from unmask.report.results import subjects as subjects_of
from unmask.report.traces import ARMS, TWIN, Trace, axis, band, drawn, frame, line, one_line, seed_dots, spoken

LINES = {
    ("organism", "before"): (ARMS["untriggered"][0], "square-open", "dash", 2.0),
    ("organism", "after"): (ARMS["triggered"][0], "circle", "solid", 2.5),
    ("twin", "before"): (TWIN, "square-open", "dot", 1.0),
    ("twin", "after"): (TWIN, "circle-open", "solid", 1.0),
}
CAPTION = (
    "Triggered prompts in which the trigger is altered more and more: at 0 it stands as it is. A model that knows its "
    "trigger precisely stops at the first change; does the defense make the curve steeper, then it taught the model "
    "to recognize the trigger better. Before is the undefended model, after the defense’s last step. "
    "“Half at” is the dose at which the organism’s rate (the mean over seeds) has fallen to half of what it is at 0."
)


def dose_response(rows: Rows) -> Figure | None:
    """Defection against the number of changed characters, and of dropped tokens, before and after each defense.

    None where evaluation "dose_response" has no rows. Raises DataError for a malformed row.
    """
    results = [result for result in defections(read(rows), "dose_response") if _kind(result)]
    if not results:
        return None
    found = subjects_of(results)
    panels = {
        f"{panel_title(subject, found, results)}\n{defense_title(defense)}: {_title(mine, kind)}": (kind, mine)
        for (subject, defense), panel in by_defense(results).items()
        for kind in KINDS
        if (mine := [result for result in panel if _kind(result) == kind])
    }
    layout = frame(list(panels), "Dose and response", captioned(CAPTION, results, found), columns=2)
    data: list[Trace] = []
    said: list[str] = []
    for i, (title, (kind, panel)) in enumerate(panels.items()):
        doses = sorted({_dose(result) for result in panel})
        layout[axis("xaxis", i)].update(tickvals=doses, range=[doses[0] - 0.4, doses[-1] + 0.4])
        label_x(layout, i, KINDS[kind])
        data += _lines(panel, kind, i)
        said.append(f"{one_line(title)}: {_said(panel)}")
    spoken(layout, said)
    return {"data": drawn(data), "layout": layout}


def _kind(result: Result) -> str:
    """What was altered, "" for an arm that is no dose."""
    kind, _, dose = result.arm.partition(":")
    return kind if kind in KINDS and dose.isdecimal() else ""


def _dose(result: Result) -> int:
    return int(result.arm.partition(":")[2])


def _of(panel: Sequence[Result], model: str, when: str) -> list[Result]:
    """A model's rows before the defense, or after its last step."""
    mine = [result for result in panel if result.model == model]
    before = [result for result in mine if result.defense_step == 0]
    return before if when == "before" else final([result for result in mine if result.defense_step > 0])


def _lines(panel: Sequence[Result], kind: str, i: int) -> list[Trace]:
    """Lines with bands; of the twin a thin line alone, whose intervals are shown when pointed at."""
    data: list[Trace] = []
    for (model, when), (color, symbol, dash, width) in LINES.items():
        points = along(_of(panel, model, when), _dose)
        name = f"{model}, {when}"
        style: dict[str, Any] = {"color": color, "dash": dash, "width": width}
        if model == "organism":
            data += [band(points, color, name, i), seed_dots(points, color, name, i)]
        data.append(line(points, name, i, style, symbol, f"{KINDS[kind]}:"))
    return data


def _title(panel: Sequence[Result], kind: str) -> str:
    """What was altered, and the dose at which the organism's rate has fallen to half, before and after."""
    said: list[str] = []
    for when in ("before", "after"):
        points = along(_of(panel, "organism", when), _dose)
        rates = [{"arm": f"{kind}:{dose}", "metric": "defection", "value": each.value} for dose, each in points.items()]
        for each in sharpness(rates).values():
            said.append(f"{'never' if each.half_dose is None else f'{each.half_dose:.1f}'} {when}")
    return KINDS[kind] + (f"\nhalf at: {', '.join(said)}" if said else "")


def _said(panel: Sequence[Result]) -> str:
    points = {(model, when): along(_of(panel, model, when), _dose) for model, when in LINES}
    return ends([(f"{m} {when} at {dose:g}", at) for (m, when), each in points.items() for dose, at in each.items()])
