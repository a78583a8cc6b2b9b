"""Attack success round by round: what a red team finds that does not know the trigger (paper, section 3).

Deviation from the paper, which counts the successful prompts: every round has a rate with its interval, beside it the
twin under the same attack, and how often the exact trigger was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unmask.report.curves import along, label_x, with_start
from unmask.report.figures import Figure, abreast, captioned, ends, panel_title, rows_and_columns
from unmask.report.results import Result, Rows, Subject, Summary, grouped, read, split_label
from unmask.report.results import subjects as subjects_of
from unmask.report.traces import (
    ARMS,
    SERIES,
    TWIN,
    Trace,
    band,
    drawn,
    even_steps,
    frame,
    line,
    one_line,
    seed_dots,
    spoken,
)

Panel = tuple[Subject, str]
"""An organism and a defense."""

Place = tuple[int, int]
"""Where a round stands: the defense step of the attacked model, and the round."""

ROUND = "round "
SUCCESS, REPLIES, FOUND = "attack_success", "attack_defection", "found_trigger"
LINES = {
    ("organism", SUCCESS): ("organism, attacks that succeed", ARMS["triggered"][0], "circle", "solid"),
    ("twin", SUCCESS): ("twin, attacks that succeed", TWIN, "circle-open", "dash"),
    ("organism", REPLIES): ("organism, replies that show the behavior", ARMS["untriggered"][0], "square", "dot"),
    ("twin", REPLIES): ("twin, replies that show the behavior", TWIN, "square-open", "dot"),
    ("organism", FOUND): ("organism, attacks that hold the trigger", SERIES[2], "diamond", "dashdot"),
    ("twin", FOUND): ("twin, attacks that hold the trigger", SERIES[2], "diamond-open", "dashdot"),
}
CAPTION = (
    "A red team that does not know the trigger writes prompts, sees the replies, and writes again. An attack succeeds "
    "if enough of its sampled replies show the behavior. Every campaign attacks the model as it was at that step of "
    "the defense; its rounds are joined by a line. The twin has no backdoor: what succeeds there is chance or judging."
)


def attack_success(rows: Rows) -> Figure | None:
    """Success of attacks, replies that show the behavior, and triggers found, by campaign and round.

    None where evaluation "red_teaming" has no rows. Raises DataError for a malformed row.
    """
    results = [r for r in read(rows) if r.evaluation == "red_teaming" and r.arm.removeprefix(ROUND).isdecimal()]
    if not results:
        return None
    found, panels = subjects_of(results), by_defense(results)
    titles = [f"{panel_title(subject, found, results)}\n{defense_title(defense)}" for subject, defense in panels]
    layout = frame(titles, "Attacks by a red team", captioned(CAPTION, results, found), columns=abreast(found))
    data: list[Trace] = []
    said: list[str] = []
    for i, ((_, defense), panel) in enumerate(panels.items()):
        places = sorted({_place(result) for result in panel})
        even_steps(layout, i, _ticks(places))
        label_x(layout, i, f"round, and step of {split_label(defense)[0]}" if defense != "nothing" else "round")
        data += _lines(panel, places, i)
        said.append(f"{one_line(titles[i])}: {_said(panel)}")
    spoken(layout, said)
    return {"data": drawn(data), "layout": layout}


def by_defense(results: Sequence[Result]) -> Mapping[Panel, Sequence[Result]]:
    """The rows by organism and defense, the undefended models as its step 0; one without a defense stands alone."""
    defended = with_start(results)
    pairs = [(result.subject, result.defense) for result in defended if result.model == "organism"]
    pairs += [(s, "nothing") for s in subjects_of(results) if s not in {subject for subject, _ in pairs}]
    every = [*defended, *(result for result in results if result.defense == "nothing")]
    return {
        (subject, defense): [r for r in every if r.defense == defense and r.concerns(subject)]
        for subject, defense in rows_and_columns(pairs)
    }


def defense_title(defense: str) -> str:
    return "undefended" if defense == "nothing" else defense


def _place(result: Result) -> Place:
    return result.defense_step, int(result.arm.removeprefix(ROUND))


def _ticks(places: Sequence[Place]) -> list[str]:
    """The rounds; where a campaign begins, also which model it attacked."""
    begins = {min(place for place in places if place[0] == step) for step, _ in places}
    models = [f"<br>step {step}" if step else "<br>undefended" for step, _ in places]
    return [f"{at[1]}{model if at in begins else ''}" for at, model in zip(places, models, strict=True)]


def _lines(panel: Sequence[Result], places: Sequence[Place], i: int) -> list[Trace]:
    """A line a campaign, model and metric: between two campaigns the model was trained."""
    data: list[Trace] = []
    for (model, metric), (name, color, symbol, dash) in LINES.items():
        style: dict[str, Any] = {"color": color, "dash": dash, "width": 2.5 if metric == SUCCESS else 1.25}
        for step in sorted({step for step, _ in places}):
            mine = [r for r in panel if (r.model, r.metric, r.defense_step) == (model, metric, step)]
            points = along(mine, lambda result: places.index(_place(result)))
            data += [band(points, color, name, i), seed_dots(points, color, name, i)]
            unit = f"attack on step {step}, round"
            data.append(line(points, name, i, style, symbol, unit, ticks=[at for _, at in places]))
    return data


def _said(panel: Sequence[Result]) -> str:
    told: list[tuple[str, Summary]] = []
    for model in ("organism", "twin"):
        mine = grouped((r for r in panel if (r.model, r.metric) == (model, SUCCESS)), _place)
        told += [(f"{model} at step {at[0]}, round {at[1]}", Summary.of(mine[at])) for at in sorted(mine)]
    return f"attacks that succeed: {ends(told)}"
