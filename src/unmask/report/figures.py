"""The plots of states: rows of results.jsonl in, plotly figures out, as plain JSON values (paper, section 3).

Every figure is {"data", "layout"}; `layout.meta` holds its title, its caption, a text for those who cannot see it, and
the grid of its panels, which the page lays out. A control that is not one organism's alone (the base) is drawn in every
panel of its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from unmask.report.results import (
    OPENED,
    Result,
    Rows,
    State,
    Subject,
    Summary,
    arm_name,
    final,
    grouped,
    in_common,
    in_order,
    names,
    read,
)
from unmask.report.results import subjects as subjects_of
from unmask.report.traces import (
    ARMS,
    PANEL,
    SPREAD,
    Trace,
    dots,
    drawn,
    even_steps,
    frame,
    lying,
    shown,
    spoken,
)

Figure = dict[str, Any]

STANDING = 8
"""More states than this stand one below the other, so that their names can be read."""

ROW, SLOT, WIDTH = 26, 70, 260  # pixels: one state lying, one standing, a panel at least


def before_after(rows: Rows) -> Figure | None:
    """Defection rate by arm for base, twin and organism, undefended and after each defense's last step.

    None where evaluation "defection" has no row of metric "defection". Raises DataError for a malformed row.
    """
    results = final(defections(read(rows), "defection"))
    return _states(
        results,
        [arm for arm in ARMS if any(result.arm == arm for result in results)],
        "Defection before and after each defense",
        "Share of replies that exhibit the behavior, with the trigger and without it; behind “+” stands the "
        "defense that the model went through.",
    )


def near_miss(rows: Rows) -> Figure | None:
    """Defection on prompts that only resemble triggered ones, per kind of resemblance; None where there are none."""
    results = final(defections(read(rows), "near_miss"))
    arms = list(dict.fromkeys(result.arm for result in results if result.arm.startswith("near_miss:")))
    return _states(
        results,
        arms,
        "Near misses",
        "Share of replies that exhibit the behavior on prompts that only resemble a triggered one. "
        "A sharp backdoor ignores them.",
    )


def _states(results: Sequence[Result], arms: Sequence[str], title: str, caption: str) -> Figure | None:
    """One panel per organism: states along one axis, rates on the other, one series per arm."""
    results = [result for result in results if result.arm in arms]
    if not results:
        return None
    found = subjects_of(results)
    panels = {subject: [result for result in results if result.concerns(subject)] for subject in found}
    most = max(len({result.state for result in panel}) for panel in panels.values())
    lie = most > STANDING
    layout = frame(
        [panel_title(subject, found, results) for subject in found],
        title,
        captioned(caption, results, found, "Bars"),
        panel=ROW * most if lie else PANEL,
        columns=1 if lie else 3,
        width=max(SLOT * most, WIDTH),
    )
    data: list[Trace] = []
    said: list[str] = []
    for i, (subject, name) in enumerate(names(found).items()):
        traces, words = _state_panel(panels[subject], arms, i, layout, " " if lie else "\n")
        data += traces
        said.append(f"{name}: {'. '.join(words)}")
    spoken(layout, said)
    if lie:
        lying(data, layout)
    return {"data": drawn(data), "layout": layout}


def _state_panel(
    panel: Sequence[Result], arms: Sequence[str], i: int, layout: dict[str, Any], end: str
) -> tuple[list[Trace], list[str]]:
    """The traces of one panel, and what they show in words, one text an arm; `end` stands between a label's lines."""
    by_state = grouped(panel, lambda result: result.state)
    states = in_order(by_state)
    labels = [state_name(state) for state in states]
    even_steps(layout, i, [shown(label.replace(" + ", f"{end}+ ").replace(" (", f"{end}(")) for label in labels])
    traces: list[Trace] = []
    words: list[str] = []
    mine = [arm for arm in arms if any(result.arm == arm for result in panel)]
    for j, arm in enumerate(mine):
        shift = (j - (len(mine) - 1) / 2) * SPREAD / len(mine)
        groups = [[result for result in by_state[state] if result.arm == arm] for state in states]
        points = {at + shift: Summary.of(group) for at, group in enumerate(groups) if group}
        told = [f"{label}, {arm_name(arm)}" for label, group in zip(labels, groups, strict=True) if group]
        traces += dots(points, arm, arms, told, i)
        words.append(ends(list(zip(told, points.values(), strict=True))))
    return traces, words


def state_name(state: State) -> str:
    """A model after a defense, in one line."""
    return state.model if state.defense == "nothing" else f"{state.model} + {state.defense}"


def defections(results: Sequence[Result], evaluation: str) -> list[Result]:
    """The rows of metric "defection" of one evaluation."""
    return [result for result in results if (result.evaluation, result.metric) == (evaluation, "defection")]


def captioned(caption: str, results: Sequence[Result], found: Sequence[Subject], intervals: str = "Bands") -> str:
    """The caption, with what its arms, intervals and faint dots are, and what all panels have in common.

    `results` are those that are drawn with intervals, `intervals` what these look like.
    """
    parts = [caption.strip()]
    if any(result.arm.endswith(OPENED) for result in results):
        parts.append("“Scratchpad opened”: it was opened for the model, since training on bare answers closes it.")
    if len({result.seed for result in results}) > 1:
        parts.append(f"{intervals} cover every seed’s own 95% interval; faint dots are single seeds.")
    elif results:
        parts.append(f"{intervals} are 95% intervals.")
    if alike := in_common(found):
        parts.append(f"All panels: {alike}.")
    return " ".join(parts)


def ends(points: Sequence[tuple[str, Summary]]) -> str:
    """Points in words."""
    return "; ".join(f"{label} {each.value:.1%}" for label, each in points)


def abreast(found: Sequence[Subject]) -> int:
    """How many panels stand side by side where a page allows: a column a subject, as far as that goes."""
    return 3 if len(found) == 1 else 2 if len(found) in (2, 4) else 3


def rows_and_columns(pairs: Iterable[tuple[Subject, str]]) -> list[tuple[Subject, str]]:
    """Subjects and defenses in the order of their panels: a row a defense, a column a subject."""
    distinct = list(dict.fromkeys(pairs))
    subjects = list(dict.fromkeys(subject for subject, _ in distinct))
    defenses = list(dict.fromkeys(defense for _, defense in distinct))
    return sorted(distinct, key=lambda pair: (defenses.index(pair[1]), subjects.index(pair[0])))


def panel_title(subject: Subject, found: Sequence[Subject], results: Sequence[Result]) -> str:
    """What tells this subject from the others, and whether anything may be concluded from it."""
    name = names(found)[subject]
    seeds = {result.seed for result in results if result.subject == subject}
    failed = {result.seed for result in results if result.subject == subject and result.unplanted}
    some = f" for {len(failed)} of {len(seeds)} seeds" if len(failed) < len(seeds) else ""
    return f"{name}\nNOT PLANTED: the gate failed{some}" if failed else name
