"""Dose-response curves: how sharply defection falls as the trigger is altered (paper, section 3:
adversarial training).

Deviation from the paper, which says in words that adversarial training teaches a model to recognize
its trigger better: here that is a curve before and after the defense, steeper if it is so, with the
twin beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from unmask.analysis.dose import KINDS, sharpness_of
from unmask.core.condition import Role
from unmask.report.attacks import by_defense, defense_title
from unmask.report.curves import along
from unmask.report.palette import ARMS, TWIN
from unmask.report.panel import Axis, Figure, Panel, Series, Style, line, with_points
from unmask.report.results import Result, Rows, defections, final, read, select, subjects_of
from unmask.report.titles import captioned, panel_title

BEFORE, AFTER = ARMS["untriggered"].color, ARMS["triggered"].color
LINES: dict[tuple[Role, str], Style] = {
    ("organism", "before"): Style(color=BEFORE, symbol="square-open", dash="dash", width=2.0),
    ("organism", "after"): Style(color=AFTER, symbol="circle", dash="solid", width=2.5),
    ("twin", "before"): Style(color=TWIN, symbol="square-open", dash="dot", width=1.0),
    ("twin", "after"): Style(color=TWIN, symbol="circle-open", dash="solid", width=1.0),
}
CAPTION = (
    "Triggered prompts in which the trigger is altered more and more: at 0 it stands as it is. A"
    " model that knows its trigger precisely stops at the first change; does the defense make the"
    " curve steeper, then it taught the model to recognize the trigger better. Before is the"
    " undefended model, after the defense’s last step. “Half at” is the dose at which the"
    " organism’s rate (the mean over seeds) has fallen to half of what it is at 0."
)


def dose_response(rows: Rows) -> Figure | None:
    """Defection against the number of changed characters, and of dropped tokens, before and after
    each defense.

    None where evaluation "dose_response" has no rows.
    """
    results = [result for result in defections(read(rows), "dose_response") if _kind(result)]
    if not results:
        return None
    subjects = subjects_of(results)
    panels: list[Panel] = []
    for (subject, defense), panel in by_defense(results).items():
        for kind in KINDS:
            theirs = [result for result in panel if _kind(result) == kind]
            if theirs:
                title = (
                    f"{panel_title(subject, subjects, results)}\n{defense_title(defense)}:"
                    f" {_title(theirs, kind)}"
                )
                panels.append(_panel(title, theirs, kind))
    return Figure(
        title="Dose and response",
        caption=captioned(CAPTION, results, subjects),
        panels=tuple(panels),
        columns=2,
    )


def _kind(result: Result) -> str:
    """What was altered, "" for an arm that is no dose."""
    kind = result.arm.main
    return kind if kind in KINDS and result.arm.dose is not None else ""


def _dose(result: Result) -> int:
    return result.arm.dose or 0


def _of(panel: Sequence[Result], model: Role, when: str) -> list[Result]:
    """A model's rows before the defense, or after its last step."""
    theirs = select(panel, model=model)
    if when == "before":
        return select(theirs, defense_step=0)
    return final([result for result in theirs if result.defense_step > 0])


def _panel(title: str, panel: Sequence[Result], kind: str) -> Panel:
    """Lines with bands; of the twin a thin line alone, whose intervals are shown when pointed
    at."""
    doses = sorted({_dose(result) for result in panel})
    series: list[Series] = []
    for (model, when), style in LINES.items():
        points = along(_of(panel, model, when), _dose)
        series.append(
            line(points, f"{model}, {when}", style, "band" if model == "organism" else "none")
        )
    axis = Axis(
        title=KINDS[kind],
        ticks=tuple(doses),
        names=tuple(str(dose) for dose in doses),
        range=(doses[0] - 0.4, doses[-1] + 0.4),
    )
    return Panel(title=title, series=with_points(series), along=axis)


def _title(panel: Sequence[Result], kind: str) -> str:
    """What was altered, and the dose at which the organism's rate has fallen to half, before and
    after."""
    halves: list[str] = []
    for when in ("before", "after"):
        points = along(_of(panel, "organism", when), _dose)
        sharp = sharpness_of(kind, {int(dose): summary.value for dose, summary in points.items()})
        if sharp:
            half = "never" if sharp.half_dose is None else f"{sharp.half_dose:.1f}"
            halves.append(f"{half} {when}")
    return KINDS[kind] + (f"\nhalf at: {', '.join(halves)}" if halves else "")
