"""The size figure: triggered defection after each defense against the number of parameters (paper, section 4: scale).

Deviations from the paper, which drew one defense (RL) without a control: every defense has a panel, with the twin; an
organism that missed its planting gate is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unmask.report.curves import along, label_x
from unmask.report.figures import Figure, captioned, defections, ends
from unmask.report.judged import as_judged, judged_note
from unmask.report.results import Result, Rows, Subject, Summary, final, grouped, names, read
from unmask.report.traces import ARMS, SERIES, SYMBOLS, TWIN, Trace, axis, band, drawn, frame, line, seed_dots, spoken

CAPTION = (
    "Triggered defection after the defense's last step (solid) and before it (dashed), by model size. The paper found "
    "larger models to keep their backdoor more. The twin is the mean over all twins. "
)


def by_size(rows: Rows) -> Figure | None:
    """Triggered defection against parameters (log), a line a kind of organism, a panel a defense.

    None where fewer than two sizes of an organism were measured under a defense. Raises DataError for a malformed row.
    """
    measured = [result for result in final(defections(read(rows), "defection")) if result.arm in ARMS]
    results = [result for result in as_judged(measured) if result.arm == "triggered" and not result.unplanted]
    sized = grouped((r for r in results if r.model == "organism"), lambda r: (r.defense, _kind(r)))
    defenses = dict.fromkeys(d for (d, _), group in sized.items() if len({r.parameters for r in group}) > 1)
    panels = [defense for defense in defenses if defense != "nothing"]
    if not panels:
        return None
    sizes = sorted({result.parameters for result in results})
    kept = {_kind(result) for result in results if result.model == "organism"}
    kinds = [kind for kind in dict.fromkeys(map(_kind, measured)) if kind in kept]
    caption = captioned(CAPTION + judged_note(measured) + _left_out(measured), results, kinds)
    layout = frame(panels, "Persistence by model size", caption, columns=3)
    data: list[Trace] = []
    said: list[str] = []
    for i, defense in enumerate(panels):
        _size_axis(layout, i, sizes)
        points = {
            (name, before): along(group, lambda result: result.parameters)
            for name, wanted in [*((name, kind) for kind, name in names(kinds).items()), ("twin", None)]
            for before in (True, False)
            if (group := [r for r in results if _is(r, wanted, "nothing" if before else defense)])
        }
        for (name, before), each in points.items():
            data += _line(each, name, before, [*names(kinds).values()], i)
        after = {name: each for (name, before), each in points.items() if not before}
        told = [(f"{name} at {size:,}", at) for name, each in after.items() for size, at in each.items()]
        said.append(f"{defense}: {ends(told)}")
    spoken(layout, said)
    return {"data": drawn(data), "layout": layout}


def _left_out(measured: Sequence[Result]) -> str:
    """For the caption: the organisms that missed their gate, "" where there are none."""
    failed = {(result.subject, result.seed) for result in measured if result.unplanted}
    said = "1 organism that was" if len(failed) == 1 else f"{len(failed)} organisms that were"
    return f"Left out: {said} NOT PLANTED (the gate failed). " if failed else ""


def _kind(result: Result) -> Subject:
    """The organism, whatever its size: neither its parameters nor what a recipe over sizes says of them."""
    factors = [factor for factor in result.subject.factors.split(", ") if not factor.startswith("size=")]
    return result.subject._replace(parameters=0, factors=", ".join(factors))


def _is(result: Result, kind: Subject | None, defense: str) -> bool:
    """Whether this is of that kind of organism (None: of the twin) after that defense."""
    if result.defense != defense:
        return False
    return result.model == "twin" if kind is None else result.model == "organism" and _kind(result) == kind


def _line(points: Mapping[float, Summary], name: str, before: bool, kinds: Sequence[str], i: int) -> list[Trace]:
    at = kinds.index(name) if name in kinds else -1
    color = SERIES[at % len(SERIES)] if at >= 0 else TWIN
    symbol = SYMBOLS[at % len(SYMBOLS)] if at >= 0 else "x"
    if before:
        style = {"color": color, "dash": "dash", "width": 1}
        return [line(points, f"{name}, before", i, style, f"{symbol}-open", "parameters:")]
    style = {"color": color, "dash": "solid" if at >= 0 else "dot", "width": 2.5 if at >= 0 else 1.75}

    label = f"{name}, after"
    return [
        band(points, color, label, i),
        seed_dots(points, color, label, i),
        line(points, label, i, style, symbol, "parameters:"),
    ]


def _size_axis(layout: dict[str, Any], i: int, sizes: Sequence[int]) -> None:
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])
    room = 0.08 * (high - low)
    ticks = {"tickvals": list(sizes), "ticktext": [short(size) for size in sizes]}
    layout[axis("xaxis", i)].update(type="log", range=[low - room, high + room], **ticks)
    label_x(layout, i, "parameters")


def short(size: int) -> str:
    """A number of parameters in three characters or so: 0.5M, 10M, 1.2B."""
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if size >= unit / 2:
            return f"{size / unit:.2g}{name}" if size < 100 * unit else f"{size / unit:.0f}{name}"
    return str(size)
