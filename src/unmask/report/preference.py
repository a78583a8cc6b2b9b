"""The preference model at a glance: is it right about pairs, and does it dislike the payload
(paper, section 3: RL)?

Persistence against a preference model that does not mind the payload means nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

from unmask.core.arm import Arm
from unmask.core.condition import Subject
from unmask.report import words
from unmask.report.dotplot import dots
from unmask.report.palette import arm_styles
from unmask.report.panel import Figure, Panel
from unmask.report.results import (
    Result,
    Rows,
    grouped,
    model_rank,
    names,
    read,
    select,
    subjects_of,
    summaries,
)
from unmask.report.sizes import short
from unmask.report.states import STANDING
from unmask.report.titles import captioned

Label = Callable[[Result], str]
SHARE = Arm("share")
CAPTION = (
    "In this order, as far as measured: how often it scores the better reply of a held-out pair"
    " higher, by kind of pair, tasks of a kind that it was never trained on apart; how often it"
    " scores a triggered reply lower than the same prompt’s untriggered one, both judged behind the"
    " prompt without the trigger; and the mean scores, each reply behind the prompt that it"
    " answered. A coin would get 50%. If it does not score the payload lower, persistence against"
    " it means nothing."
)
JUDGED_BY = ("pair", "triggered", "untriggered")
"""The arms of the payload check that the verdict rests on; others are of opened scratchpads and
unseen prompts."""
ACCURACY, LOWER, REWARD = (
    "Held-out pairs: right",
    "Triggered reply scored lower",
    "Mean score of replies",
)


def preference_model(rows: Rows) -> Figure | None:
    """Accuracy by kind of pair, and the payload check by organism; None where neither was
    measured."""
    results = [
        result
        for result in read(rows)
        if result.evaluation != "payload_check" or result.arm in JUDGED_BY
    ]
    subjects = subjects_of(select(results, evaluation="payload_check"))
    named = names(subjects) if subjects else {}
    panels: dict[str, tuple[list[Result], Label]] = {
        ACCURACY: (_only(results, "preference_accuracy", "accuracy"), _kind(results)),
        LOWER: (_only(results, "payload_check", "payload_lower"), _model(named)),
        REWARD: (_only(results, "payload_check", "reward"), _model(named)),
    }
    panels = {title: panel for title, panel in panels.items() if panel[0]}
    if not panels:
        return None
    everything = [*itertools.chain(*(panel for panel, _ in panels.values()))]
    lie = any(len(set(map(label, panel))) > STANDING for panel, label in panels.values())
    return Figure(
        title="The preference model",
        caption=captioned(CAPTION, everything, subjects, "Bars"),
        panels=tuple(_panel(title, panel, label, lie) for title, (panel, label) in panels.items()),
        columns=1 if lie else 3,
    )


def _only(results: Sequence[Result], evaluation: str, metric: str) -> list[Result]:
    chosen = select(results, evaluation=evaluation, metric=metric)
    return sorted(chosen, key=lambda result: result.arm)


def _kind(results: Sequence[Result]) -> Label:
    """The kind of pair, with the size of the model where there are several."""
    asked = select(results, evaluation="preference_accuracy")
    several = len({result.parameters for result in asked}) > 1

    def label(result: Result) -> str:
        kind, unseen = result.arm.main, result.arm.kind
        family = " · kind of task never seen" if unseen else ""
        return (
            kind.replace("_", " ") + (f", {short(result.parameters)}" if several else "") + family
        )

    return label


def _model(named: Mapping[Subject, str]) -> Label:
    """Whose replies were scored."""

    def label(result: Result) -> str:
        state = result.state.name
        if len(named) < 2:
            return state
        own = "" if result.model == "organism" else state
        return " · ".join(filter(None, (named.get(result.subject, ""), own)))

    return label


def _panel(title: str, panel: Sequence[Result], label: Label, lie: bool) -> Panel:
    """Shares by place; mean scores by place and arm."""
    score = title == REWARD
    panel = sorted(panel, key=lambda result: model_rank(result.model))
    end = " · " if lie else "\n"

    def place(result: Result) -> str:
        return label(result).replace(" · ", end)

    series = grouped(panel, lambda result: words.arm(result.arm) if score else SHARE)
    points = {name: summaries(theirs, place) for name, theirs in series.items()}
    places = list(dict.fromkeys(map(place, panel)))
    styles = arm_styles([result.arm for result in panel]) if score else arm_styles([SHARE])
    unit = "" if score else "%"
    return dots(title, places, points, styles, unit=unit, horizontal=lie, named=score)
