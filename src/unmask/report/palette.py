"""The colors and marks of figures: an arm differs from another one in color and in mark or dash.

The palette is Okabe and Ito's, which survives color blindness; the colors of text and grid come
from the page, which knows whether it is light or dark.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from unmask.core.arm import OPENED, TRIGGERED, UNTRIGGERED, Arm
from unmask.core.condition import NOTHING
from unmask.report import words
from unmask.report.panel import Style
from unmask.report.results import Result, in_order

ARMS: dict[str, Style] = {
    Arm(TRIGGERED): Style(color="#D55E00", symbol="circle", dash="solid"),
    Arm(UNTRIGGERED): Style(color="#0072B2", symbol="square", dash="dash"),
    Arm.of(TRIGGERED, OPENED): Style(color="#E69F00", symbol="diamond", dash="dashdot"),
    Arm.of(UNTRIGGERED, OPENED): Style(color="#56B4E9", symbol="triangle-up", dash="longdash"),
}
SERIES = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SYMBOLS = (
    *("circle", "square", "diamond", "triangle-up", "star", "cross"),
    *("triangle-down", "x", "hexagram"),
)
OTHER_ARMS = (
    ("#009E73", "diamond"),
    ("#E69F00", "triangle-up"),
    ("#CC79A7", "triangle-down"),
    ("#56B4E9", "cross"),
    ("#D55E00", "star"),
    ("#0072B2", "hexagram"),
)
TWIN, BASE = "#7F7F7F", "#8C6D31"
"""For figures whose colors tell organisms apart, not arms: the twin and the base belong to none of
them."""

HELPFULNESS, DRIFT = "#009E73", "#CC79A7"


def mark(i: int) -> Style:
    """The i-th of several equals."""
    return Style(color=SERIES[i % len(SERIES)], symbol=SYMBOLS[i % len(SYMBOLS)])


def arm_styles(arms: Sequence[str]) -> dict[str, Style]:
    """A mark for each arm, by its name on the page, points apart."""
    others = [arm for arm in arms if arm not in ARMS]
    rest = {arm: OTHER_ARMS[i % len(OTHER_ARMS)] for i, arm in enumerate(others)}
    styles = {arm: Style(color=color, symbol=symbol) for arm, (color, symbol) in rest.items()}
    return {words.arm(arm): dataclasses.replace((ARMS | styles)[arm], dash="") for arm in arms}


def state_styles(results: Sequence[Result]) -> dict[str, Style]:
    """A mark for every model and defense: the organism's in colors, its controls' in gray and
    brown."""
    states = in_order(result.state for result in results)
    names = dict.fromkeys(state.defense for state in states)
    defenses = sorted(names, key=lambda defense: defense != NOTHING)
    styles: dict[str, Style] = {}
    for state in states:
        model, at = state.model, defenses.index(state.defense)
        color = {"twin": TWIN, "base": BASE}.get(model, SERIES[at % len(SERIES)])
        hollow = model != "organism" or at >= len(SERIES)
        symbol = SYMBOLS[at % len(SYMBOLS)] + ("-open" if hollow else "")
        styles[state.name] = Style(color=color, symbol=symbol)
    return styles
