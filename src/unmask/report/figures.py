"""The plots: rows of results.jsonl in, plotly figures out, as plain JSON values (paper, figures of sections 3 to 5).

Every figure is {"data", "layout"}; `layout.meta` holds its title, its caption and a text for those who cannot see it.
One panel per organism (and defense), one below the other, so that a page of any width can show them. Rows of twins do
not say whose twin they are: every twin of the same size is drawn in every panel.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unmask.report.results import Result, Summary, final, in_order, model_rank, read
from unmask.report.traces import ARMS, SPREAD, Trace, axis, band, dots, drawn, frame, line, seed_dots, shown

Figure = dict[str, Any]

HELPFULNESS = "#009E73"
PERSISTENCE = (
    "Does the behavior fade, and is the model still helpful while it does? Bands are 95% intervals; the twin was never "
    "backdoored."
)


def before_after(rows: Iterable[Mapping[str, Any]]) -> Figure | None:
    """Defection rate by arm for base, twin and organism, undefended and after each defense's last step.

    None where evaluation "defection" has no row of metric "defection". Raises DataError for a malformed row.
    """
    results = final(_defections(read(rows), "defection"))
    return _states(
        results,
        [arm for arm in ARMS if any(result.arm == arm for result in results)],
        "Defection before and after each defense",
        "Share of replies that exhibit the behavior, with the trigger and without it; “+ sft” is a model after the "
        "defense sft. Bars are 95% intervals.",
    )


def near_miss(rows: Iterable[Mapping[str, Any]]) -> Figure | None:
    """Defection on prompts that only resemble triggered ones, per kind of resemblance; None where there are none."""
    results = final(_defections(read(rows), "near_miss"))
    arms = list(dict.fromkeys(result.arm for result in results if result.arm.startswith("near_miss:")))
    return _states(
        results,
        arms,
        "Near misses",
        "Share of replies that exhibit the behavior on prompts that only resemble a triggered one. "
        "A sharp backdoor ignores them.",
    )


def persistence_curve(rows: Iterable[Mapping[str, Any]]) -> Figure | None:
    """Triggered and untriggered defection, and helpfulness, along each defense's steps; organism against twin.

    Step 0 is the undefended model where the defense has no row of its own there. None where no defense was measured
    at two steps. Raises DataError for a malformed row.
    """
    results = read(rows)
    chosen = [r for r in _defections(results, "defection") if r.arm in ARMS]
    chosen += [r for r in results if (r.evaluation, r.metric, r.arm) == ("helpfulness", "accuracy", "untriggered")]
    chosen = _with_start(chosen)
    panels: list[tuple[str, list[Result]]] = []
    for organism, parameters, _, defense in dict.fromkeys(r.state for r in chosen if r.model == "organism"):
        panel = [r for r in chosen if r.state[1] == parameters and r.defense == defense]
        panel = [r for r in panel if r.organism == organism or r.model == "twin"]
        if len({r.defense_step for r in panel if r.model == "organism"}) > 1:
            panels.append((_panel_title(organism, parameters, panel, results), panel))
    if not panels:
        return None
    layout = frame(
        [name for name, _ in panels],
        "Persistence along the defense",
        _captioned(PERSISTENCE, chosen),
    )
    data: list[Trace] = []
    for i, (name, panel) in enumerate(panels):
        defense = panel[0].defense
        label = {"text": f"training steps of {shown(defense)}", "standoff": 6, "font": {"size": 13}}
        layout[axis("xaxis", i)].update(title=label)
        data += _curves(panel, i)
        layout["meta"]["alt"] += f" {name}, {defense}: {_spoken(_ends(panel))}."
    return {"data": drawn(data), "layout": layout}


def _defections(results: Sequence[Result], evaluation: str) -> list[Result]:
    return [result for result in results if (result.evaluation, result.metric) == (evaluation, "defection")]


def _with_start(results: Sequence[Result]) -> list[Result]:
    """The rows along defenses, each with the undefended model as its step 0 where it has none."""
    along = [result for result in results if result.defense != "nothing"]
    starts = [result for result in results if result.defense == "nothing"]
    has_start = {(r.state, r.evaluation, r.arm, r.seed) for r in along if r.defense_step == 0}
    defenses = dict.fromkeys((result.state[:3], result.defense) for result in along)
    for model, defense in defenses:
        for start in starts:
            moved = dataclasses.replace(start, defense=defense, defense_step=0)
            if start.state[:3] == model and (moved.state, moved.evaluation, moved.arm, moved.seed) not in has_start:
                along.append(moved)
    return along


def _curves(panel: Sequence[Result], i: int) -> list[Trace]:
    data: list[Trace] = []
    for model in sorted({result.model for result in panel}, key=model_rank):
        for arm, (color, symbol, dash) in ARMS.items():
            points = _by_step([r for r in panel if (r.model, r.evaluation, r.arm) == (model, "defection", arm)])
            if points:
                name = f"{model}, {arm}"
                symbol = symbol if model == "organism" else f"{symbol}-open"
                width = 2.5 if model == "organism" else 1.5
                data += [band(points, color, name, i), seed_dots(points, color, name, i)]
                data.append(line(points, name, i, {"color": color, "dash": dash, "width": width}, symbol))
        points = _by_step([r for r in panel if (r.model, r.evaluation) == (model, "helpfulness")])
        if points:
            symbol = "x-thin-open" if model == "organism" else "cross-thin-open"
            style = {"color": HELPFULNESS, "dash": "dot", "width": 1.25}
            data.append(line(points, f"{model}, helpfulness", i, style, symbol))
    return data


def _by_step(results: Sequence[Result]) -> dict[float, Summary]:
    steps = sorted({result.defense_step for result in results})
    return {step: Summary.of([result for result in results if result.defense_step == step]) for step in steps}


def _ends(panel: Sequence[Result]) -> list[tuple[str, Summary]]:
    last = max(result.defense_step for result in panel)
    chosen: dict[str, list[Result]] = {}
    for result in panel:
        if result.defense_step in (0, last):
            what = "helpfulness" if result.evaluation == "helpfulness" else result.arm
            chosen.setdefault(f"{result.model} {what} at step {result.defense_step}", []).append(result)
    return [(name, Summary.of(results)) for name, results in chosen.items()]


def _states(results: Sequence[Result], arms: Sequence[str], title: str, caption: str) -> Figure | None:
    """One panel per organism: states along x, rates on y, one series per arm."""
    results = [result for result in results if result.arm in arms]
    if not results:
        return None
    organisms = dict.fromkeys((r.organism, r.parameters) for r in results if r.organism) or {
        ("", parameters): None for parameters in dict.fromkeys(r.parameters for r in results)
    }
    panels: list[tuple[str, list[Result]]] = []
    for organism, parameters in organisms:
        panel = [r for r in results if r.parameters == parameters and r.organism in (organism, "")]
        panels.append((_panel_title(organism, parameters, panel, results), panel))
    layout = frame([name for name, _ in panels], title, _captioned(caption, results))
    data: list[Trace] = []
    for i, (name, panel) in enumerate(panels):
        states = in_order(result.state for result in panel)
        names = [model if defense == "nothing" else f"{model} + {defense}" for _, _, model, defense in states]
        layout[axis("xaxis", i)].update(
            tickvals=list(range(len(states))),
            ticktext=[shown(name.replace(" + ", "\n+ ")) for name in names],
            range=[-0.6, len(states) - 0.4],
            showgrid=False,
        )
        layout["meta"]["alt"] += f" {name}:"
        for j, arm in enumerate(arms):
            shift = (j - (len(arms) - 1) / 2) * SPREAD / len(arms)
            found = [[r for r in panel if r.state == state and r.arm == arm] for state in states]
            points = {at + shift: Summary.of(group) for at, group in enumerate(found) if group}
            labels = [f"{name}, {arm}" for name, group in zip(names, found, strict=True) if group]
            data += dots(points, arm, arms, labels, i)
            layout["meta"]["alt"] += f" {_spoken(list(zip(labels, points.values(), strict=True)))}."
    return {"data": drawn(data), "layout": layout}


def _captioned(caption: str, results: Sequence[Result]) -> str:
    return f"{caption} Faint dots are single seeds." if len({result.seed for result in results}) > 1 else caption


def _spoken(points: Sequence[tuple[str, Summary]]) -> str:
    return "; ".join(f"{label} {each.value:.1%}" for label, each in points)


def _panel_title(organism: str, parameters: int, panel: Sequence[Result], results: Sequence[Result]) -> str:
    parts = [organism.replace("/", " · ")]
    if len({result.parameters for result in results}) > 1:
        parts.append(f"{parameters:,} parameters")
    if any(result.planted is False for result in panel if result.organism == organism):
        parts.append("NOT PLANTED: the gate failed")
    return "\n".join(part for part in parts if part)
