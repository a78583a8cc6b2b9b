"""The plots of states: models before and after each defense, by arm (paper, section 3).

A control that is not one organism's alone (the base) is drawn in every panel of its size.
"""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report import words
from unmask.report.dotplot import dots
from unmask.report.palette import ARMS, arm_styles
from unmask.report.panel import Figure, Panel
from unmask.report.results import (
    Result,
    Rows,
    State,
    Summary,
    concerning,
    defections,
    final,
    grouped,
    in_order,
    read,
    select,
    subjects_of,
)
from unmask.report.titles import captioned, panel_title

STANDING = 8
"""More states than this lie one below the other, so that their names can be read."""

SLOT, WIDTH = 70, 260  # pixels: a state that stands, a panel at least


def before_after(rows: Rows) -> Figure | None:
    """Defection rate by arm for base, twin and organism, undefended and after each defense's last
    step.

    None where evaluation "defection" has no row of metric "defection".
    """
    results = final(defections(read(rows), "defection"))
    return _states(
        results,
        [arm for arm in ARMS if select(results, arm=arm)],
        "Defection before and after each defense",
        "Share of replies that exhibit the behavior, with the trigger and without it; behind “+”"
        " stands the defense that the model went through.",
    )


def near_miss(rows: Rows) -> Figure | None:
    """Defection on prompts that only resemble triggered ones, per kind of resemblance; None where
    there are none."""
    results = final(defections(read(rows), "near_miss"))
    arms = list(dict.fromkeys(result.arm for result in results if result.arm.main == "near_miss"))
    return _states(
        results,
        arms,
        "Near misses",
        "Share of replies that exhibit the behavior on prompts that only resemble a triggered one. "
        "A sharp backdoor ignores them.",
    )


def _states(
    results: Sequence[Result], arms: Sequence[str], title: str, caption: str
) -> Figure | None:
    """One panel per organism: states along one axis, rates on the other, one series per arm."""
    results = [result for result in results if result.arm in arms]
    if not results:
        return None
    subjects = subjects_of(results)
    panels = {subject: concerning(results, subject) for subject in subjects}
    most = max(len(grouped(panel, lambda result: result.state)) for panel in panels.values())
    lie = most > STANDING
    return Figure(
        title=title,
        caption=captioned(caption, results, subjects, "Bars"),
        panels=tuple(
            _panel(panel_title(subject, subjects, results), panel, arms, lie)
            for subject, panel in panels.items()
        ),
        columns=1 if lie else 3,
        width=max(SLOT * most, WIDTH),
    )


def _panel(title: str, panel: Sequence[Result], arms: Sequence[str], lie: bool) -> Panel:
    by_state = grouped(panel, lambda result: result.state)
    labels = state_labels(in_order(by_state), " " if lie else "\n")
    points: dict[str, dict[str, Summary]] = {}
    for arm in arms:
        groups = {label: select(by_state[state], arm=arm) for state, label in labels.items()}
        if any(groups.values()):
            points[words.arm(arm)] = {
                label: Summary.of(group) for label, group in groups.items() if group
            }
    return dots(title, list(labels.values()), points, arm_styles(arms), horizontal=lie)


def state_labels(states: Sequence[State], end: str) -> dict[State, str]:
    """A name for each state, with `end` between its parts; where two have one name, what else tells
    them apart."""
    labels: dict[State, str] = {}
    for state in states:
        label = state.name.replace(" + ", f"{end}+ ").replace(" (", f"{end}(")
        if label in labels.values():
            label += f"{end}{_apart(state) or len(labels)}"
        labels[state] = label
    return labels


def _apart(state: State) -> str:
    """What tells a control from another of its name: its factors, or the organism that it stands
    beside."""
    subject = state.subject
    return words.settings(subject.factors) or (
        words.planted(subject.about) if subject.about else ""
    )
