"""The preference model at a glance: is it right about pairs, and does it dislike the payload (paper, section 3: RL)?

Persistence against a preference model that does not mind the payload means nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from unmask.report.figures import ROW, STANDING, Figure, captioned, ends, state_name
from unmask.report.results import Result, Rows, Subject, Summary, grouped, model_rank, names, read
from unmask.report.results import subjects as subjects_of
from unmask.report.sizes import short
from unmask.report.traces import ARMS, SPREAD, Trace, axis, dots, drawn, even_steps, frame, lying, shown, spoken

CAPTION = (
    "In this order, as far as measured: how often it scores the better reply of a held-out pair higher, by kind of "
    "pair, tasks of a kind that it was never trained on apart; how often it scores a triggered reply lower than the "
    "same prompt’s untriggered one, both judged behind the prompt without the trigger; and the mean scores, each reply "
    "behind the prompt that it answered. A coin would get 50%. If it does not score the payload lower, persistence "
    "against it means nothing."
)
JUDGED_BY = ("pair", "triggered", "untriggered")
"""The arms of the payload check that the verdict rests on; others are of opened scratchpads and unseen prompts."""
ACCURACY, LOWER, REWARD = (
    "Held-out pairs: right",
    "Triggered reply scored lower",
    "Mean score of replies",
)


def preference_model(rows: Rows) -> Figure | None:
    """Accuracy by kind of pair, and the payload check by organism; None where neither was measured."""
    results = [r for r in read(rows) if r.evaluation != "payload_check" or r.arm in JUDGED_BY]
    found = subjects_of(r for r in results if r.evaluation == "payload_check")
    named = names(found) if found else {}
    panels: dict[str, tuple[list[Result], Callable[[Result], str]]] = {
        ACCURACY: (_only(results, "preference_accuracy", "accuracy"), _kind(results)),
        LOWER: (_only(results, "payload_check", "payload_lower"), _model(named)),
        REWARD: (_only(results, "payload_check", "reward"), _model(named)),
    }
    panels = {title: panel for title, panel in panels.items() if panel[0]}
    if not panels:
        return None
    everything = [result for panel, _ in panels.values() for result in panel]
    most = max(len({label(result) for result in panel}) for panel, label in panels.values())
    lie = most > STANDING
    layout = frame(
        list(panels),
        "The preference model",
        captioned(CAPTION, everything, found, "Bars"),
        panel=ROW * most if lie else 210,
        columns=1 if lie else 3,
        quantities=[i for i, title in enumerate(panels) if title == REWARD],
    )
    data: list[Trace] = []
    said: list[str] = []
    for i, (title, (panel, label)) in enumerate(panels.items()):
        traces, words = _panel(panel, label, i, layout, " · " if lie else "<br>", share=title != REWARD)
        data += traces
        said.append(f"{title}: {words}")
    spoken(layout, said)
    if lie:
        lying(data, layout)
    return {"data": drawn(data), "layout": layout}


def _only(results: Sequence[Result], evaluation: str, metric: str) -> list[Result]:
    chosen = [result for result in results if (result.evaluation, result.metric) == (evaluation, metric)]
    return sorted(chosen, key=lambda result: result.arm)


def _kind(results: Sequence[Result]) -> Callable[[Result], str]:
    """The kind of pair, with the size of the model where there are several."""
    several = len({r.parameters for r in results if r.evaluation == "preference_accuracy"}) > 1

    def label(result: Result) -> str:
        kind, _, unseen = result.arm.partition(":")
        family = " · kind of task never seen" if unseen else ""
        return kind.replace("_", " ") + (f", {short(result.parameters)}" if several else "") + family

    return label


def _model(named: Mapping[Subject, str]) -> Callable[[Result], str]:
    """Whose replies were scored."""

    def label(result: Result) -> str:
        parts = [state_name(result.state) if result.model != "organism" or len(named) < 2 else ""]
        return " · ".join([part for part in (named.get(result.subject, "") if len(named) > 1 else "", *parts) if part])

    return label


def _panel(
    panel: Sequence[Result], label: Callable[[Result], str], i: int, layout: dict[str, Any], end: str, share: bool
) -> tuple[list[Trace], str]:
    """The traces of one panel, and what they show in words; `end` stands between a label's parts."""
    arms = [arm for arm in ARMS if any(result.arm == arm for result in panel)] if not share else ["share"]
    panel = sorted(panel, key=lambda result: model_rank(result.model))
    places = list(dict.fromkeys(label(result) for result in panel))
    even_steps(layout, i, [shown(place).replace(" · ", end) for place in places])
    if share:
        layout[axis("yaxis", i)]["tickvals"] = [0, 0.5, 1]
    traces: list[Trace] = []
    words: list[str] = []
    for j, arm in enumerate(arms):
        shift = (j - (len(arms) - 1) / 2) * SPREAD / len(arms)
        groups = grouped((r for r in panel if share or r.arm == arm), label)
        points = {places.index(place) + shift: Summary.of(group) for place, group in groups.items()}
        texts = [place if share else f"{place}, {arm}" for place in groups]
        made = dots(points, arm, arms, texts, i, share)
        for trace in made:
            trace["showlegend"] = trace["showlegend"] and not share
        traces += made
        told = zip(texts, points.values(), strict=True)
        words.append(ends(list(told)) if share else "; ".join(f"{text} {each.value:.4g}" for text, each in told))
    return traces, "; ".join(words)
