"""The size figure: triggered defection after each defense against the number of parameters (paper,
section 4: scale).

Deviations from the paper, which drew one defense (RL) without a control: every defense has a panel,
with the twin; an organism that missed its planting gate is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from unmask.core.condition import NOTHING, Configured, Subject
from unmask.report.curves import along
from unmask.report.judged import as_judged, judged_note
from unmask.report.palette import ARMS, SERIES, SYMBOLS, TWIN
from unmask.report.panel import Figure, Panel, Series, Style, line, logarithmic, with_points
from unmask.report.results import (
    Result,
    Rows,
    defections,
    final,
    grouped,
    names,
    read,
    select,
)
from unmask.report.titles import captioned

CAPTION = (
    "Triggered defection after the defense's last step (solid) and before it (dashed), by model"
    " size. The paper found larger models to keep their backdoor more. The twin is the mean over"
    " all twins. "
)


def by_size(rows: Rows) -> Figure | None:
    """Triggered defection against parameters (log), a line per kind of organism, a panel per
    defense.

    None where fewer than two sizes of an organism were measured under a defense.
    """
    measured = [
        result for result in final(defections(read(rows), "defection")) if result.arm in ARMS
    ]
    judged = select(as_judged(measured), arm="triggered")
    results = [result for result in judged if not result.unplanted]
    organisms = select(results, model="organism")
    drawn = _sized_defenses(organisms)
    if not drawn:
        return None
    kept = set(map(_kind, organisms))
    kinds = [kind for kind in dict.fromkeys(map(_kind, measured)) if kind in kept]
    sizes = _sizes(results)
    axis = logarithmic("parameters", sizes, [short(size) for size in sizes])
    return Figure(
        title="Persistence by model size",
        caption=captioned(CAPTION + judged_note(measured) + _left_out(measured), results, kinds),
        panels=tuple(
            Panel(title=str(defense), series=_lines(results, kinds, defense), along=axis)
            for defense in drawn
        ),
        columns=3,
    )


def _sized_defenses(organisms: Sequence[Result]) -> list[Configured]:
    """The defenses under which some organism was measured at more than one size."""
    sized = grouped(organisms, lambda result: (result.defense, _kind(result)))
    defenses = dict.fromkeys(
        defense for (defense, _), group in sized.items() if len(_sizes(group)) > 1
    )
    return [defense for defense in defenses if defense != NOTHING]


def _lines(
    results: Sequence[Result], kinds: Sequence[Subject], defense: Configured
) -> tuple[Series, ...]:
    """Each kind of organism, and the twin, before that defense (dashed) and after it."""
    series: list[Series] = []
    for at, (kind, name) in enumerate([*names(kinds).items(), (None, "twin")]):
        color, symbol = (
            (SERIES[at % len(SERIES)], SYMBOLS[at % len(SYMBOLS)]) if kind else (TWIN, "x")
        )
        chosen = grouped(
            (result for result in results if _is(result, kind)), lambda result: result.defense
        )
        before, after = (
            along(chosen.get(state, []), lambda result: result.parameters)
            for state in (NOTHING, defense)
        )
        faint = Style(color=color, symbol=f"{symbol}-open", dash="dash", width=1)
        bold = Style(
            color=color, symbol=symbol, dash="solid" if kind else "dot", width=2.5 if kind else 1.75
        )
        series += [
            line(before, f"{name}, before", faint),
            line(after, f"{name}, after", bold, "band"),
        ]
    return with_points(series)


def _left_out(measured: Sequence[Result]) -> str:
    """For the caption: the organisms that missed their gate, "" where there are none."""
    failed = {(result.subject, result.seed) for result in measured if result.unplanted}
    counted = "1 organism that was" if len(failed) == 1 else f"{len(failed)} organisms that were"
    return f"Left out: {counted} NOT PLANTED (the gate failed). " if failed else ""


def _kind(result: Result) -> Subject:
    """The organism, whatever its size: neither its parameters nor what a recipe over sizes says of
    them."""
    factors = tuple((name, value) for name, value in result.factors if name != "size")
    return dataclasses.replace(result.subject, parameters=0, factors=factors)


def _is(result: Result, kind: Subject | None) -> bool:
    """Whether this is of that kind of organism (None: of the twin)."""
    return (
        result.model == "twin"
        if kind is None
        else result.model == "organism" and _kind(result) == kind
    )


def _sizes(results: Sequence[Result]) -> list[int]:
    return sorted({result.parameters for result in results})


def short(size: int) -> str:
    """A number of parameters in three characters or so: 0.5M, 10M, 1.2B."""
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if size >= unit / 2:
            return f"{size / unit:.2g}{name}" if size < 100 * unit else f"{size / unit:.0f}{name}"
    return str(size)
