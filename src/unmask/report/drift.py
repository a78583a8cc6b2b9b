"""Drift: what is left of a backdoor against how far the training moved the model, and what else it broke on the way.

Deviation from the paper, which shows the rate alone: by it, a defense that finds the backdoor and one that overwrites
the whole model look the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from unmask.analysis.checks import BROKEN_LOSS, broken
from unmask.report.curves import about_persistence, label_x, moved
from unmask.report.figures import Figure, abreast, captioned, ends, panel_title
from unmask.report.judged import as_judged, judged_note
from unmask.report.results import Result, Rows, Subject, Summary, grouped, names, read, split_label
from unmask.report.results import subjects as subjects_of
from unmask.report.traces import SERIES, SYMBOLS, Trace, axis, drawn, error_bars, frame, line, seed_dots, spoken

CAPTION = (
    "Each line is a training, from its first measured step to its last (thicker edge); to the right: further from the "
    "undefended model, as the KL divergence on replies without the trigger (nats a reply, log scale). Far down and far "
    "to the left, the rate has fallen and the rest is as it was (gone or hidden: that is for relearning to say). A "
    "hollow point is broken: its task accuracy fell, by its whole interval, by more than "
    f"{BROKEN_LOSS:.0%} of what it was. "
)
LEAST = 1e-3
"""Nats a reply; what has moved less is drawn here."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


class Place(NamedTuple):
    """A point of a training: after how many steps, and how far each seed (in the order of its Summary) has moved."""

    step: int
    seeds: tuple[float, ...]

    @property
    def kl(self) -> float:
        return math.fsum(self.seeds) / len(self.seeds)


def drift(rows: Rows) -> Figure | None:
    """Triggered defection against KL, a line a defense, a panel an organism; None where KL was not measured.

    Raises DataError for a malformed row.
    """
    results = read(rows)
    far = moved(results)
    if not far:
        return None
    measured = about_persistence(results)
    judged = [
        r for r in as_judged(measured) if (r.evaluation, r.arm, r.model) == ("defection", "triggered", "organism")
    ]
    found = subjects_of(far)
    layout = frame(
        [panel_title(subject, found, results) for subject in found],
        "What is left, against how far the training moved the model",
        captioned(CAPTION + judged_note(measured), judged, found, "Bars"),
        columns=abreast(found),
        width=380,
    )
    defenses = list(dict.fromkeys(result.defense for result in far))
    extent = [max(LEAST, result.value) for result in far]
    data: list[Trace] = []
    said: list[str] = []
    for i, subject in enumerate(found):
        _kl_axis(layout, i, min(extent), max(extent))
        undefended = [r for r in judged if r.subject == subject and r.defense == "nothing"]
        data += _level(undefended, min(extent), max(extent), i)
        told: list[tuple[str, Summary]] = []
        for defense in defenses:
            points = _points(judged, far, subject, defense)
            if points:
                hollow = [_broken(results, subject, defense, place.step) for place in points]
                data += _line(points, hollow, defense, defenses, i)
                last, summary = list(points.items())[-1]
                told.append((f"{defense} at {last.kl:.2g} nats", summary))
        said.append(f"{names(found)[subject]}: {ends(told)}")
    spoken(layout, said)
    return {"data": drawn(data), "layout": layout}


def _points(judged: Sequence[Result], far: Sequence[Result], subject: Subject, defense: str) -> dict[Place, Summary]:
    """Triggered defection along a training, by step and KL, both of the same seeds."""
    mine = [result for result in far if (result.subject, result.defense) == (subject, defense)]
    points: dict[Place, Summary] = {}
    for step, there in sorted(grouped(mine, lambda result: result.defense_step).items()):
        kl = {result.seed: result.value for result in there}
        state = (subject, defense, step)
        left = [r for r in judged if (r.subject, r.defense, r.defense_step) == state and r.seed in kl]
        if left:
            points[Place(step, tuple(max(LEAST, kl[result.seed]) for result in left))] = Summary.of(left)
    return points


def _broken(results: Sequence[Result], subject: Subject, defense: str, step: int) -> bool:
    """Whether most seeds are broken by the verdict's rule: by the accuracy between a style's words where the training
    taught one, which is measured at its end alone."""
    kept = (subject, "organism", "accuracy", "untriggered")
    mine = [r for r in results if (r.subject, r.model, r.metric, r.arm) == kept]
    before = {r.seed: r.value for r in mine if (r.defense, r.evaluation) == ("nothing", "helpfulness")}
    trained = [r for r in mine if r.defense == defense]
    by = "style" if any(r.evaluation == "style" for r in trained) else "helpfulness"
    now = [r for r in trained if (r.defense_step, r.evaluation) == (step, by) and r.seed in before]
    lost = [broken(before[r.seed], r.high) for r in now]
    return sum(lost) > len(lost) / 2


def _line(
    points: Mapping[Place, Summary], hollow: Sequence[bool], defense: str, defenses: Sequence[str], i: int
) -> list[Trace]:
    """A color a defense, a symbol and a dash each of its settings; and the seeds one by one."""
    kinds = list(dict.fromkeys(split_label(each)[0] for each in defenses))
    kind = split_label(defense)[0]
    siblings = [each for each in defenses if split_label(each)[0] == kind]
    at = siblings.index(defense)
    color, symbol = SERIES[kinds.index(kind) % len(SERIES)], SYMBOLS[at % len(SYMBOLS)]
    style = {"color": color, "dash": DASHES[at % len(DASHES)], "width": 1.5}
    far = [place.kl for place in points]
    trace = line(dict(enumerate(points.values())), defense, i, style, symbol, "KL", far) | {"x": far}
    trace["marker"] = {
        "color": color,
        "symbol": [f"{symbol}-open" if each else symbol for each in hollow],
        "size": 9,
        "line": {"width": [1.0] * (len(points) - 1) + [2.5], "color": color},
    }
    trace["error_y"] = error_bars(list(points.values()), color) | {"thickness": 1}
    trace["text"] = [
        f"{text}<br>step {place.step}{', task accuracy lost' if lost else ''}"
        for text, place, lost in zip(trace["text"], points, hollow, strict=True)
    ]
    faint = seed_dots(dict(enumerate(points.values())), color, defense, i)
    faint["x"] = [kl for place in points if len(place.seeds) > 1 for kl in place.seeds]
    return [faint, trace]


def _level(undefended: Sequence[Result], low: float, high: float, i: int) -> list[Trace]:
    """What the undefended organism did, as a level line to compare with."""
    if not undefended:
        return []
    level = Summary.of(undefended)
    style = {"color": "#7F7F7F", "dash": "longdashdot", "width": 1}
    return [line({low: level, high: level}, "undefended", i, style, "line-ew", "KL")]


def _kl_axis(layout: dict[str, Any], i: int, low: float, high: float) -> None:
    room = 0.06 * math.log10(high / low) or 0.2
    low, high = math.log10(low) - room, math.log10(high) + room
    ticks = 1 if high - low > 1.5 else "D2" if high - low > 0.6 else "D1"  # decades; 1, 2, 5; every digit
    layout[axis("xaxis", i)].update(type="log", range=[low, high], dtick=ticks, tickformat="~g")
    label_x(layout, i, "KL from the undefended model, nats a reply")
