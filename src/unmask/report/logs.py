"""How each training went: reward, KL, length, diversity, use of scratchpads, entropy and loss, step
by step.

Deviation from the paper, which shows none of this: a collapsed policy also "removes" a backdoor,
and is seen here.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from unmask.core.condition import Configured, Subject
from unmask.core.errors import DataError
from unmask.core.row import condition_of
from unmask.report import words
from unmask.report.palette import SERIES, TWIN
from unmask.report.panel import QUANTITY, Axis, Figure, Panel, Point, Series, Style
from unmask.report.results import grouped, names

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
    "Training under {defense}, step by step: a line per model, the mean over seeds; faint lines are"
    " single seeds. A sudden fall of length or diversity, or a KL that runs away, is a collapsed"
    " model."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Log:
    """One training's log; `curves` maps a metric to its (step, value) pairs."""

    subject: Subject
    defense: Configured
    seed: int
    curves: Mapping[str, Mapping[int, float]]


def training_logs(logs: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """One figure per defense, panels for metrics (and settings of the defense), a line per model.

    `logs` have the fields of a condition and "rows": [{"step": int, metric: float}]. Values that
    are null or not finite are left out. Raises DataError naming a malformed log.
    """
    trainings = [_log(log, f"training log {number}") for number, log in enumerate(logs, 1)]
    groups = grouped((log for log in trainings if log.curves), lambda log: log.defense.name)
    return [_figure(name, group) for name, group in groups.items()]


def _figure(name: str, logs: Sequence[Log]) -> Figure:
    metrics = sorted(dict.fromkeys(itertools.chain(*(log.curves for log in logs))), key=_rank)
    labels = list(dict.fromkeys(log.defense for log in logs))
    settings = (
        {label: words.settings(label.settings) for label in labels} if len(labels) > 1 else {}
    )
    panels: list[Panel] = []
    for label in labels:
        for metric in metrics:
            theirs = [log for log in logs if _has(log, label, metric)]
            title = TITLES.get(metric, metric.replace("_", " "))
            title += f"\n{settings[label]}" if settings.get(label) else ""
            if theirs:
                panels.append(_panel(title, theirs, metric, _styles(logs)))
    return Figure(
        title=f"Training: {name}",
        caption=CAPTION.format(defense=name),
        panels=tuple(panels),
        columns=3,
    )


def _styles(logs: Sequence[Log]) -> dict[Subject, tuple[str, Style]]:
    """A name and a line for each model: a color per organism, dashes for its twin, gray for twins
    that are no one's."""
    subjects = list(dict.fromkeys(log.subject for log in logs))
    organisms = [subject for subject in subjects if subject.planted]
    named = names(organisms) if len(organisms) > 1 else {}
    styles: dict[Subject, tuple[str, Style]] = {}
    for subject in subjects:
        role, whose = subject.role, dataclasses.replace(subject, role="organism")
        color = SERIES[organisms.index(whose) % len(SERIES)] if whose in organisms else TWIN
        name = named.get(whose, "" if subject.planted else words.settings(subject.factors))
        style = Style(color=color, symbol="", dash="solid" if subject.planted else "dash", width=2)
        styles[subject] = (f"{role}, {name}" if name else role, style)
    return styles


def _panel(
    title: str, logs: Sequence[Log], metric: str, styles: Mapping[Subject, tuple[str, Style]]
) -> Panel:
    """The mean over seeds as a line per model, single seeds faintly behind it."""
    faint: list[Series] = []
    means: list[Series] = []
    for key, (name, style) in styles.items():
        curves = [log.curves[metric] for log in logs if log.subject == key]
        if len(curves) > 1:
            thin = dataclasses.replace(style, width=1)
            faint += [_line(curve, name, thin, faint=True) for curve in curves]
        if curves:
            means.append(_line(_mean(curves), name, style))
    return Panel(
        title=title,
        series=(*faint, *means),
        along=Axis(title="step"),
        values=QUANTITY,
        unit="",
        height=210,
    )


def _mean(curves: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """The mean over the seeds that have a step; only steps that all have, where there are such."""
    means: dict[int, float] = {}
    for step in sorted(set(curves[0]).intersection(*curves) or set(curves[0]).union(*curves)):
        values = [curve[step] for curve in curves if step in curve]
        means[step] = math.fsum(values) / len(values)
    return means


def _line(curve: Mapping[int, float], name: str, style: Style, faint: bool = False) -> Series:
    """The curve, thinned; its last step stays."""
    steps = list(curve)
    kept = steps[:: math.ceil(len(steps) / POINTS)]
    kept += steps[-1:] if kept[-1] != steps[-1] else []
    points = tuple(Point(at=step, value=float(f"{curve[step]:.5g}")) for step in kept)
    style = style if len(points) > 1 else dataclasses.replace(style, symbol="circle")
    return Series(name=name, points=points, style=style, interval="none", faint=faint)


def _has(log: Log, label: Configured, metric: str) -> bool:
    return log.defense == label and metric in log.curves


def _rank(metric: str) -> int:
    return METRICS.index(metric) if metric in METRICS else len(METRICS)


def _log(log: Mapping[str, Any], where: str) -> Log:
    condition = condition_of(log, where)
    curves: dict[str, dict[int, float]] = {}
    try:
        for row in sorted(log["rows"], key=lambda row: row["step"]):
            for metric, value in row.items():
                if metric not in UNDRAWN and _finite(value):
                    curves.setdefault(metric, {})[row["step"]] = float(value)
    except KeyError as error:
        raise DataError(
            f"{where} has no field {error}: it needs 'rows', every row a 'step'."
        ) from None
    return Log(
        subject=condition.subject, defense=condition.defense, seed=condition.seed, curves=curves
    )


def _finite(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
