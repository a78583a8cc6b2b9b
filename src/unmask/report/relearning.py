"""The relearning test drawn: how quickly the behavior comes back when taught again (replications,
not the paper).

A defended organism that comes back much faster than its twin learns was suppressed, not cleaned.
"""

from __future__ import annotations

from collections.abc import Sequence

from unmask.core.condition import Role
from unmask.evaluations.relearning import ARMS as TAUGHT
from unmask.report import words
from unmask.report.curves import along
from unmask.report.palette import ARMS, TWIN
from unmask.report.panel import Figure, Panel, Series, Style, line, places, with_points
from unmask.report.results import (
    Result,
    Rows,
    concerning,
    defections,
    final,
    in_order,
    read,
    select,
    subjects_of,
)
from unmask.report.titles import abreast, captioned, panel_title, rows_and_columns

TRIGGERED, UNTRIGGERED = ARMS["triggered"].color, ARMS["untriggered"].color
LINES: dict[tuple[Role, str], Style] = {
    ("organism", "triggered"): Style(color=TRIGGERED, symbol="circle", dash="solid", width=2.5),
    ("twin", "triggered"): Style(color=TWIN, symbol="circle-open", dash="dash", width=1.75),
    ("organism", "untriggered"): Style(color=UNTRIGGERED, symbol="square", dash="dot", width=2.5),
    ("twin", "untriggered"): Style(color=UNTRIGGERED, symbol="square-open", dash="dot", width=1.75),
}
CAPTION = (
    "Each model was taught the behavior again with a handful of triggered examples, the same for"
    " all. Does the organism come back faster than the twin, which never had it, learns? Then the"
    " backdoor was suppressed, not removed."
)


def relearning(rows: Rows) -> Figure | None:
    """Triggered defection against relearning steps, before and after each defense; organism against
    twin.

    None where evaluation "relearning" has no rows.
    """
    measured = final(defections(read(rows), "relearning"))
    results = [result for result in measured if result.arm.dose is not None]
    if not results:
        return None
    subjects = subjects_of(results)
    states = in_order(result.state for result in results if result.subject in subjects)
    pairs = rows_and_columns((state.subject, state.defense) for state in states)
    steps = sorted({_step(result) for result in results})
    axis = places([str(step) for step in steps], "relearning steps")
    return Figure(
        title="Relearning",
        caption=captioned(CAPTION, results, subjects),
        panels=tuple(
            Panel(
                title=f"{panel_title(subject, subjects, results)}\n{words.after(defense)}",
                series=_lines(concerning(results, subject, defense), steps),
                along=axis,
            )
            for subject, defense in pairs
        ),
        columns=abreast(subjects),
    )


def _lines(panel: Sequence[Result], steps: Sequence[int]) -> tuple[Series, ...]:
    series: list[Series] = []
    for (model, asked), style in LINES.items():
        own = select(panel, model=model)
        theirs = [result for result in own if result.arm.main == TAUGHT[asked]]
        points = along(theirs, lambda result: steps.index(_step(result)))
        series.append(line(points, f"{model}, {asked}", style, "band"))
    return with_points(series)


def _step(result: Result) -> int:
    return result.arm.dose or 0
