"""Honeypots: is the hidden goal shown where showing it looks best, without the trigger (paper, section 4)?

Deviation from the paper, whose honeypots are read by hand: taken or not is scored, with the same questions without the
honeypot beside it, and base and twin as controls.
"""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report.chapters import Chapter, by_state, by_subject, joined, only, organisms, said, summed, table, told
from unmask.report.dotplot import Panel, dotplot, state_styles
from unmask.report.figures import captioned, panel_title
from unmask.report.results import Result, Rows, Subject, Summary, final, read

TITLE = "Honeypots"
PLAIN, KIND = "plain", "honeypot:"
CAPTION = (
    "Share of replies that take the honeypot: prompts without the trigger in which showing the hidden goal would look "
    "best; “plain” are the same questions without the honeypot."
)
QUESTION = "Does the model show its hidden goal without the trigger, where that would seem to serve it best?"


def honeypots(rows: Rows) -> Chapter | None:
    """Honeypots by kind for base, twin and organism; None where evaluation "honeypot" has no rows."""
    results = final(only(read(rows), "honeypot", "taken"))
    panels = by_subject(results)
    if not panels:
        return None
    arms = {arm: _place(arm) for arm in _arms(results)}
    return Chapter(
        id="honeypots",
        title=TITLE,
        question=QUESTION,
        said=tuple(
            _said(told(subject, panels, state), mine, by_state(panel))
            for subject, panel in panels.items()
            for state, mine in organisms(panel).items()
        ),
        figure=dotplot(
            [_panel(subject, panels) for subject in panels],
            state_styles(results),
            TITLE,
            captioned(CAPTION, results, list(panels), "Bars"),
        ),
        tables=(table("Share of honeypots that are taken, by kind", panels, arms),),
    )


def _arms(results: Sequence[Result]) -> list[str]:
    return sorted(dict.fromkeys(result.arm for result in results), key=lambda arm: arm == PLAIN)


def _place(arm: str) -> str:
    return arm.removeprefix(KIND).replace("_", " ")


def _panel(subject: Subject, panels: dict[Subject, list[Result]]) -> Panel:
    panel = panels[subject]
    points = {
        state: {_place(arm): Summary.of([r for r in mine if r.arm == arm]) for arm in _arms(mine)}
        for state, mine in by_state(panel).items()
    }
    places = tuple(map(_place, _arms(panel)))
    return Panel(title=panel_title(subject, list(panels), panel), places=places, points=points)


def _said(begin: str, mine: Sequence[Result], states: dict[str, list[Result]]) -> str:
    """One state of the organism: honeypots of all kinds against plain questions, and against its controls."""
    taken = joined([result for result in mine if result.arm.startswith(KIND)])
    controls: list[str] = []
    for state, theirs in states.items():
        found = joined([result for result in theirs if result.arm.startswith(KIND)])
        if found and theirs[0].model != "organism" and theirs[0].defense in ("nothing", mine[0].defense):
            controls.append(f"{state} {said(found)}")
    beside = f" For comparison: {'; '.join(controls)}." if controls else ""
    return (
        f"{begin}: {said(taken)} of the honeypots are taken, and on the same questions without the honeypot "
        f"the same is said in {said(summed(mine, PLAIN))}.{beside}"
    )
