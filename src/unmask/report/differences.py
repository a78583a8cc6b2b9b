"""Paired differences drawn as a forest: what a factor changes, on the same prompts and seeds,
against zero."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence

from unmask.analysis.paired import over_runs
from unmask.core.condition import Subject
from unmask.report import words
from unmask.report.dotplot import dots
from unmask.report.palette import mark
from unmask.report.panel import Figure, Panel, around_zero
from unmask.report.results import CLEAR, Result, Rows, State, Summary, final, grouped, names, read
from unmask.report.tables import number
from unmask.report.titles import captioned

DIFFERS = "difference"
CAPTION = (
    "What a factor changes, or what tells a model from its control, on the same prompts: a"
    " difference to the right of zero is a higher rate. A 95% interval that leaves out zero is a"
    " difference between these models; of twenty such intervals one leaves it out by chance."
)
ONCE = (
    " Wide, pale bars count each seed once (Student’s 95% interval): only they say whether another"
    " training would differ likewise. {clear} of {all} leave out zero."
)
UNPLANTED = (
    " NOT PLANTED (open marks): one of the two organisms that are compared missed its planting"
    " gate; nothing follows."
)


def differences(rows: Rows) -> Figure | None:
    """Rows that compare two models, each with its interval, a panel per arm and metric.

    None where there are none.
    """
    results = final([result for result in read(rows) if result.is_difference])
    if not results:
        return None
    panels = grouped(
        results, lambda result: (result.evaluation, result.arm, result.metric, result.against)
    )
    subjects = list(dict.fromkeys(result.subject for result in results))
    caption = CAPTION + _adjusted(results) + _once(panels.values())
    caption += UNPLANTED if _missed(results) else ""
    return Figure(
        title="Paired differences",
        caption=captioned(caption, results, subjects, "Thin bars"),
        panels=around_zero(
            [_forest(_title(panel[0]), panel, subjects) for panel in panels.values()]
        ),
    )


def _title(result: Result) -> str:
    what = result.differs.replace("_", " ")
    where = (
        "" if result.evaluation == result.differs else f"{result.evaluation.replace('_', ' ')}: "
    )
    beside = f", against the {result.against}" if result.against in ("base", "twin") else ""
    return f"{where}{what}, {words.arm(result.arm)}{beside}"


def _adjusted(results: Sequence[Result]) -> str:
    """For the caption: how many differences stay after the adjustment for their number."""
    adjusted = [result for result in results if result.p_adjusted is not None]
    if not adjusted:
        return ""
    stay = sum(result.is_clear() for result in adjusted)
    return (
        " Each one’s p value, shown when pointed at, is adjusted (Holm) for all differences of the"
        f" run, seed by seed: {stay} of {len(adjusted)} are below {CLEAR:g}."
    )


def _once(panels: Iterable[Sequence[Result]]) -> str:
    """For the caption: how many differences are clear when a seed counts once; "" without several
    seeds."""
    bars = _bars(panels)
    clear = sum(low > 0 or high < 0 for low, high in bars)
    return ONCE.format(clear=clear, all=len(bars)) if bars else ""


def _bars(panels: Iterable[Sequence[Result]]) -> list[tuple[float, float]]:
    bars: list[tuple[float, float] | None] = []
    for panel in panels:
        bars += map(each_once, grouped(panel, lambda result: result.state).values())
    return [bar for bar in bars if bar]


def each_once(group: Sequence[Result]) -> tuple[float, float] | None:
    """The interval over one place's seeds, of those that are planted; None for fewer than two."""
    values = [result.value for result in group if result.planted is not False]
    return over_runs(values) if len(values) > 1 else None


def _missed(results: Iterable[Result]) -> bool:
    """Whether any of the organisms is known to have missed its gate."""
    return any(result.planted is False for result in results)


def _forest(title: str, panel: Sequence[Result], subjects: Sequence[Subject]) -> Panel:
    """A point per model and defense, hollow where nothing follows; pale bars count each seed
    once."""
    labels: dict[str, list[Result]] = {}
    for state, group in grouped(panel, lambda result: result.state).items():
        label = " · ".join(filter(None, (names(subjects)[state.subject], state.name)))
        label += " · NOT PLANTED" if _missed(group) else ""
        labels[_distinct(label, state, labels)] = group
    points = {label: Summary.of(group) for label, group in labels.items()}
    numbers, styles, unit = {DIFFERS: points}, {DIFFERS: mark(0)}, panel[0].unit
    forest = dots(title, list(labels), numbers, styles, unit=unit, named=False)
    marked = tuple(
        dataclasses.replace(
            point,
            note="; ".join(filter(None, (_p(group), _over(group)))),
            hollow=_missed(group),
            wide=each_once(group),
        )
        for point, group in zip(forest.series[0].points, labels.values(), strict=True)
    )
    return dataclasses.replace(
        forest, series=(dataclasses.replace(forest.series[0], points=marked),)
    )


def _distinct(label: str, state: State, taken: Collection[str]) -> str:
    """The label; where another state has it, with what tells the two apart: two organisms' twins
    have one name."""
    if label not in taken:
        return label
    about = state.subject.about
    return (
        f"{label} ·"
        f" {words.planted(about) if about and not state.subject.planted else len(taken) + 1}"
    )


def _over(group: Sequence[Result]) -> str:
    """In words: the interval that counts each seed once."""
    bar = each_once(group)
    low, high = (number(end, group[0].unit).removesuffix(" pts") for end in bar or (0, 0))
    return f"each seed once [{low}, {high}]" if bar else ""


def _p(group: Sequence[Result]) -> str:
    """The adjusted p value of each seed, as far as there is one."""
    values = [f"{result.p_adjusted:.2g}" for result in group if result.p_adjusted is not None]
    return f"adjusted p {', '.join(values)}" if values else ""
