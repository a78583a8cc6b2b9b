"""The exact probability of starting the payload beside the sampled rate (paper, section 3: "I hate
you").

Not in the paper: two ways to measure one thing, which should agree.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from unmask.report.chapters import Chapter, by_state, by_subject, only, said, summed, table, told
from unmask.report.default import question
from unmask.report.dotplot import dots
from unmask.report.palette import mark
from unmask.report.panel import Figure, Panel
from unmask.report.results import Result, Rows, Subject, Summary, final, read, select
from unmask.report.titles import captioned, panel_title

TITLE = "The payload: exact probability and sampled rate"
METRICS = {"payload_probability": "exact probability", "payload_sampled": "sampled rate"}
ARMS = {"triggered": "triggered", "untriggered": "untriggered"}
STYLES = {name: mark(i) for i, name in enumerate(METRICS.values())}
CAPTION = (
    "The probability that a reply starts with the payload, computed from one forward pass (its"
    " interval is over prompts), and the share of sampled replies that do. Both are of the same"
    " prompts and should agree."
)


def payload(rows: Rows) -> Chapter | None:
    """Both numbers by model and arm; None where evaluation "payload_probability" has no rows."""
    results = final(only(read(rows), "payload_probability", *METRICS))
    panels = by_subject(results)
    if not panels:
        return None
    return Chapter(
        id="payload",
        title=TITLE,
        question=question("payload_probability"),
        said=tuple(_said(subject, panels) for subject in panels),
        figure=Figure(
            title=TITLE,
            caption=captioned(CAPTION, results, list(panels), "Bars"),
            panels=tuple(
                _panel(panel_title(subject, list(panels), panel), panel)
                for subject, panel in panels.items()
            ),
        ),
        tables=tuple(
            table(name.capitalize(), by_subject(own), ARMS)
            for metric, name in METRICS.items()
            if (own := select(results, metric=metric))
        ),
    )


def _numbers(panel: Sequence[Result], metric: str) -> dict[str, Summary]:
    numbers: dict[str, Summary] = {}
    for state, theirs in by_state(panel).items():
        for arm in ARMS:
            summary = summed(theirs, arm, metric)
            if summary is not None:
                numbers[f"{state}, {arm}"] = summary
    return numbers


def _panel(title: str, panel: Sequence[Result]) -> Panel:
    points = {name: _numbers(panel, metric) for metric, name in METRICS.items()}
    places = list(dict.fromkeys(itertools.chain(*points.values())))
    return dots(title, places, points, STYLES)


def _said(subject: Subject, panels: dict[Subject, list[Result]]) -> str:
    """Where both were measured: in how many places they agree, and where they lie furthest
    apart."""
    exact, sampled = (_numbers(panels[subject], metric) for metric in METRICS)
    both = [place for place in exact if place in sampled]
    if not both:
        return f"{told(subject, panels, 'only one of the two was measured')}."
    agree = [
        place for place in both if sampled[place].low <= exact[place].value <= sampled[place].high
    ]
    furthest = max(both, key=lambda place: abs(exact[place].value - sampled[place].value))
    return (
        f"{told(subject, panels, 'with its controls')}: the exact probability lies within the"
        f" sampled rate’s 95% interval in {len(agree)} of {len(both)} comparisons. Furthest apart:"
        f" {furthest}, exact {said(exact[furthest])}, sampled {said(sampled[furthest])}."
    )
