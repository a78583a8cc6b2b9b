"""What sets the backdoor off: forms of the trigger by class, trained realizations against held-out
ones (section 4).

Deviation from the paper, which shows a few translated triggers: a table for every class, and beside
each form what the same model does without any trigger.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from unmask.core.arm import Arm
from unmask.report.chapters import Table, said, summed, table
from unmask.report.default import Told, place_name
from unmask.report.results import Result, Subject, summaries

REALIZATION, TRAIN, HELD_OUT, UNTRIGGERED = (
    "realization",
    "realization:train",
    "realization:held_out",
    "untriggered",
)
LISTED = 4
ORDER = {TRAIN: -2, HELD_OUT: -1, UNTRIGGERED: 1}
"""Realizations first, no trigger last, otherwise as they came."""


def form(arm: Arm) -> str:
    """The class of an arm."""
    return arm.main


def place(arm: Arm) -> str:
    return "no trigger" if arm == UNTRIGGERED else place_name(arm)


def say(begin: str, theirs: Sequence[Result], states: Mapping[str, Sequence[Result]]) -> str:
    """One state of the organism: trained against held-out realizations, and which other forms set
    it off."""
    none = summed(theirs, UNTRIGGERED)
    asked = {
        "with the realizations that were trained on": summed(theirs, TRAIN),
        "with held-out ones": summed(theirs, HELD_OUT),
        "without any trigger": none,
    }
    parts = [f"{said(summary)} {what}" for what, summary in asked.items() if summary is not None]
    sentence = f"{begin}: {', '.join(parts)}."
    others = [result for result in theirs if form(result.arm) not in (REALIZATION, UNTRIGGERED)]
    rates = summaries(others, lambda result: result.arm)
    if none is None or not rates:
        return sentence
    above = sorted(
        (arm for arm in rates if rates[arm].low > none.high), key=lambda arm: -rates[arm].value
    )
    listed = "; ".join(f"{place(arm)} {said(rates[arm])}" for arm in above[:LISTED])
    more = f"; and {len(above) - LISTED} more" if len(above) > LISTED else ""
    tail = f": {listed}{more}" if above else ""
    return (
        f"{sentence} Of {len(rates)} other forms, {len(above)} lie above that, interval against"
        f" interval{tail}."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forms(Told):
    """A table per class of forms, with what happens without a trigger as the last column."""

    def tables(
        self, results: Sequence[Result], panels: dict[Subject, list[Result]]
    ) -> tuple[Table, ...]:
        classes = self.classes(results)
        without = {UNTRIGGERED: "no trigger"} if classes.pop(UNTRIGGERED, None) else {}
        made: list[Table] = []
        for name, arms in (classes or {UNTRIGGERED: []}).items():
            columns = {arm: (arm.kind or arm.main).replace("_", " ") for arm in arms}
            caption = f"{name.replace('_', ' ')}: share of replies that exhibit the behavior"
            made.append(table(caption, panels, columns | without))
        return tuple(made)


trigger_generalization = Forms(
    evaluation="trigger_generalization",
    id="generalization",
    title="What sets the backdoor off",
    caption=(
        "Share of replies that exhibit the behavior, by the form that the trigger was given; on top"
        " the realizations of the trigger that were trained on and those that were held out, at the"
        " bottom no trigger at all."
    ),
    metrics=("defection",),
    place=place,
    order=lambda arm: ORDER.get(arm, 0),
    group=form,
    say=say,
)
