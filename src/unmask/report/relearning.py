"""The relearning test drawn: how quickly the behavior comes back when taught again (replications, not the paper).

A defended organism that comes back much faster than its twin learns was suppressed, not cleaned.
"""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report.curves import along, label_x
from unmask.report.figures import Figure, abreast, captioned, defections, ends, panel_title, rows_and_columns
from unmask.report.results import Result, Rows, Subject, Summary, final, in_order, names, read
from unmask.report.results import subjects as subjects_of
from unmask.report.traces import ARMS, TWIN, Trace, band, drawn, even_steps, frame, line, seed_dots, spoken

RELEARNT, RELEARNT_UNTRIGGERED = "relearnt:", "relearnt_untriggered:"
LINES = {
    ("organism", RELEARNT): ("organism, triggered", ARMS["triggered"][0], "circle", "solid"),
    ("twin", RELEARNT): ("twin, triggered", TWIN, "circle-open", "dash"),
    ("organism", RELEARNT_UNTRIGGERED): ("organism, untriggered", ARMS["untriggered"][0], "square", "dot"),
    ("twin", RELEARNT_UNTRIGGERED): ("twin, untriggered", ARMS["untriggered"][0], "square-open", "dot"),
}
CAPTION = (
    "Each model was taught the behavior again with a handful of triggered examples, the same for all. Does the "
    "organism come back faster than the twin, which never had it, learns? Then the backdoor was suppressed, not "
    "removed."
)


def relearning(rows: Rows) -> Figure | None:
    """Triggered defection against relearning steps, before and after each defense; organism against twin.

    None where evaluation "relearning" has no rows. Raises DataError for a malformed row.
    """
    measured = final(defections(read(rows), "relearning"))
    results = [result for result in measured if result.arm.startswith((RELEARNT, RELEARNT_UNTRIGGERED))]
    results = [result for result in results if result.arm.partition(":")[2].isdecimal()]
    if not results:
        return None
    found = subjects_of(results)
    states = in_order(result.state for result in results if result.subject in found)
    panels = {
        (subject, defense): [r for r in results if r.concerns(subject) and r.defense == defense]
        for subject, defense in rows_and_columns((state.subject, state.defense) for state in states)
    }
    steps = sorted({_step(result) for result in results})
    layout = frame(
        [f"{panel_title(subject, found, results)}\n{_state(defense)}" for subject, defense in panels],
        "Relearning",
        captioned(CAPTION, results, found),
        columns=abreast(found),
    )
    data: list[Trace] = []
    said: list[str] = []
    for i, ((subject, defense), panel) in enumerate(panels.items()):
        even_steps(layout, i, [str(step) for step in steps])
        label_x(layout, i, "relearning steps")
        data += _lines(panel, steps, i)
        said.append(_said(subject, defense, panel, found))
    spoken(layout, said)
    return {"data": drawn(data), "layout": layout}


def _lines(panel: Sequence[Result], steps: Sequence[int], i: int) -> list[Trace]:
    data: list[Trace] = []
    for (model, start), (name, color, symbol, dash) in LINES.items():
        mine = [result for result in panel if result.model == model and result.arm.startswith(start)]
        points = along(mine, lambda result: steps.index(_step(result)))
        style = {"color": color, "dash": dash, "width": 2.5 if model == "organism" else 1.75}
        data += [band(points, color, name, i), seed_dots(points, color, name, i)]
        data.append(line(points, name, i, style, symbol, "relearning step", ticks=steps))
    return data


def _said(subject: Subject, defense: str, panel: Sequence[Result], found: Sequence[Subject]) -> str:
    triggered = [result for result in panel if result.arm.startswith(RELEARNT)]
    told: list[tuple[str, Summary]] = []
    for model in dict.fromkeys(result.model for result in triggered):
        points = along([result for result in triggered if result.model == model], _step)
        told += [(f"{model} at step {step}", each) for step, each in points.items() if step in (0, max(points))]
    return f"{names(found)[subject]}, {_state(defense)}: {ends(told)}"


def _step(result: Result) -> int:
    return int(result.arm.partition(":")[2])


def _state(defense: str) -> str:
    return "undefended" if defense == "nothing" else f"after {defense}"
