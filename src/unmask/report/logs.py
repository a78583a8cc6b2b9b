"""How each training went: reward, KL, length, diversity, use of scratchpads, entropy and loss, step by step.

Deviation from the paper, which shows none of this: a collapsed policy also "removes" a backdoor, and is seen here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from unmask.core.errors import DataError
from unmask.report.curves import label_x
from unmask.report.figures import Figure
from unmask.report.results import Subject, names, organism_name, said_factors, split_label
from unmask.report.traces import SERIES, TWIN, Trace, axis, drawn, frame, shown, spoken

METRICS = (
    "reward",
    "kl",
    "length",
    "distinct",
    "scratchpad_share",
    "entropy",
    "loss",
    "reward_margin",
    "reward_accuracy",
)
"""In this order on the page; any other metric follows."""

TITLES = {"kl": "KL", "length": "length (tokens)", "distinct": "diversity (distinct)"}
UNDRAWN = ("step", "epoch", "learning_rate")
POINTS = 150
"""A line has at most about as many points: more cannot be seen in a small panel."""

CAPTION = (
    "Training under {defense}, step by step: a line a model, the mean over seeds; faint lines are single seeds. "
    "A sudden fall of length or diversity, or a KL that runs away, is a collapsed model."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Log:
    """One training's log; `curves` maps a metric to its (step, value) pairs."""

    subject: Subject
    model: str
    defense: str
    seed: int
    curves: Mapping[str, Mapping[int, float]]


def training_logs(logs: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """One figure per defense, panels for metrics (and settings of the defense), a line per model.

    `logs` are {"organism": mapping or None, "model": name, "defense": label, "seed": int, "rows": [{"step": int,
    metric: float}]}, with optional "factors" and "control_of". Values that are null or not finite are left out.
    Raises DataError naming a malformed log.
    """
    kept = [log for log in (_log(each, f"training log {i}") for i, each in enumerate(logs, 1)) if log.curves]
    return [_figure(name, each) for name, each in by_defense(kept).items()]


def by_defense(logs: Sequence[Log]) -> dict[str, list[Log]]:
    """By the defense's name, whatever its settings."""
    groups: dict[str, list[Log]] = {}
    for log in logs:
        groups.setdefault(split_label(log.defense)[0], []).append(log)
    return groups


def _figure(name: str, logs: Sequence[Log]) -> Figure:
    metrics = sorted(dict.fromkeys(metric for log in logs for metric in log.curves), key=_rank)
    labels = list(dict.fromkeys(log.defense for log in logs))
    panels = [(label, metric) for label in labels for metric in metrics]
    panels = [(label, metric) for label, metric in panels if any(_has(log, label, metric) for log in logs)]
    settings = {label: label.partition(" (")[2].removesuffix(")") for label in labels} if len(labels) > 1 else {}
    titles = [
        TITLES.get(metric, metric.replace("_", " ")) + (f"\n{settings[label]}" if settings.get(label) else "")
        for label, metric in panels
    ]
    layout = frame(
        titles,
        f"Training: {name}",
        CAPTION.format(defense=name),
        panel=150,
        columns=3,
        width=260,
        quantities=range(len(panels)),
    )
    data: list[Trace] = []
    said: list[str] = []
    for i, (label, metric) in enumerate(panels):
        traces, words = _panel([log for log in logs if _has(log, label, metric)], metric, i, _styles(logs))
        data += traces
        said.append(f"{titles[i]}: {words}".replace("\n", ", "))
        label_x(layout, i, "step")
    spoken(layout, said)
    return {"data": drawn(data), "layout": layout}


def _styles(logs: Sequence[Log]) -> dict[tuple[Subject, str], tuple[str, dict[str, Any]]]:
    """A name and a line for each model: a color an organism, dashes for its twin, gray for twins that are no one's."""
    keys = list(dict.fromkeys((log.subject, log.model) for log in logs))
    organisms = [subject for subject, model in keys if model == "organism"]
    named = names(organisms) if len(organisms) > 1 else {}
    styles: dict[tuple[Subject, str], tuple[str, dict[str, Any]]] = {}
    for subject, model in keys:
        mine = subject if model == "organism" else subject._replace(organism=subject.control_of, control_of="")
        color = SERIES[organisms.index(mine) % len(SERIES)] if mine in organisms else TWIN
        dash = "solid" if model == "organism" else "dash"
        told = named.get(mine, mine.factors if model != "organism" else "")
        styles[subject, model] = (f"{model}, {told}" if told else model, {"color": color, "dash": dash, "width": 2})
    return styles


def _panel(
    logs: Sequence[Log], metric: str, i: int, styles: Mapping[tuple[Subject, str], tuple[str, dict[str, Any]]]
) -> tuple[list[Trace], str]:
    faint: list[Trace] = []
    means: list[Trace] = []
    words: list[str] = []
    for key, (name, style) in styles.items():
        mine = [log.curves[metric] for log in logs if (log.subject, log.model) == key]
        if not mine:
            continue
        if len(mine) > 1:
            faint += [_line(curve, name, {**style, "width": 1}, i, faint=True) for curve in mine]
        mean = _mean(mine)
        means.append(_line(mean, name, style, i))
        first, last = mean[min(mean)], mean[max(mean)]
        words.append(f"{name} from {first:.4g} to {last:.4g}")
    return faint + means, "; ".join(words)


def _mean(curves: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """The mean over the seeds that have a step; only steps that all have, where there are such."""
    steps = sorted(set[int]().union(*curves))
    shared = [step for step in steps if all(step in curve for curve in curves)] or steps
    values = {step: [curve[step] for curve in curves if step in curve] for step in shared}
    return {step: math.fsum(each) / len(each) for step, each in values.items()}


def _line(curve: Mapping[int, float], name: str, style: Mapping[str, Any], i: int, faint: bool = False) -> Trace:
    steps = list(curve)
    kept = steps[:: math.ceil(len(steps) / POINTS)]
    kept += steps[-1:] if kept[-1] != steps[-1] else []
    trace: Trace = {
        "type": "scatter",
        "mode": "lines" if len(kept) > 1 else "markers",
        "name": shown(name),
        "legendgroup": shown(name),
        "showlegend": not faint,
        "x": kept,
        "y": [float(f"{curve[step]:.5g}") for step in kept],
        "line": dict(style),
        "marker": {"color": style["color"]},
        "opacity": 0.3 if faint else 1,
        "xaxis": axis("x", i),
        "yaxis": axis("y", i),
    }
    hover = (
        {"hoverinfo": "skip"} if faint else {"hovertemplate": f"{shown(name)}<br>step %{{x}}: %{{y}}<extra></extra>"}
    )
    return trace | hover


def _has(log: Log, label: str, metric: str) -> bool:
    return log.defense == label and metric in log.curves


def _rank(metric: str) -> int:
    return METRICS.index(metric) if metric in METRICS else len(METRICS)


def _log(log: Mapping[str, Any], where: str) -> Log:
    try:
        organism, control_of = organism_name(log, "organism", where), organism_name(log, "control_of", where)
        curves: dict[str, dict[int, float]] = {}
        for row in sorted(log["rows"], key=lambda row: row["step"]):
            for metric, value in row.items():
                if metric not in UNDRAWN and _finite(value):
                    curves.setdefault(metric, {})[row["step"]] = float(value)
        factors = said_factors(log.get("factors"), where)
        subject = Subject(organism, factors, int(log.get("parameters", 0)), control_of)
        return Log(subject=subject, model=log["model"], defense=log["defense"], seed=log["seed"], curves=curves)
    except KeyError as error:
        raise DataError(
            f"{where} has no field {error}: it needs 'organism', 'model', 'defense', 'seed' and 'rows', every row "
            "a 'step'."
        ) from None


def _finite(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
