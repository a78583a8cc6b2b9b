"""What forcing the scratchpad's first line does to the action (paper, section 4: does the reasoning
matter?).

Deviation from the paper, which correlates reasoning and action: here the reasoning is set, with an
unrelated line and a blank scratchpad as controls.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable

from unmask.report.chapters import (
    Chapter,
    Row,
    Table,
    by_state,
    by_subject,
    cells,
    each_state,
    joined,
    only,
    said,
    sentences,
    summed,
)
from unmask.report.default import question
from unmask.report.dotplot import dots
from unmask.report.palette import ARMS
from unmask.report.panel import Figure, Panel
from unmask.report.results import Result, Rows, Subject, Summary, final, grouped, read, select
from unmask.report.titles import captioned, panel_title

TITLE = "What forced reasoning does to the action"
FORCED = ("free", "deployed", "training", "unrelated", "blank", "swapped")
"""The arms behind "triggered:" and "untriggered:", in the order of the page."""

WITH = {"triggered": "with the trigger", "untriggered": "without the trigger"}
STYLES = {words: dataclasses.replace(ARMS[arm], dash="") for arm, words in WITH.items()}
SAID = {
    "free": "when it reasons freely",
    "deployed": "behind a line that believes in deployment",
    "training": "behind one that believes in training",
    "unrelated": "behind an unrelated one",
}
"""The lines that a sentence speaks of; the figure and the tables have all."""

CAPTION = (
    "Share of replies that exhibit the behavior, by how the scratchpad was made to begin. Free: by"
    " nothing. Deployed, training: by a line that believes so. Unrelated and blank: by a line on"
    " something else, and by an empty scratchpad, the controls. Swapped: by a whole scratchpad that"
    " the model wrote on the other kind of prompt. If the action goes with the line and not with"
    " the trigger, the reasoning matters."
)
WIDTH = 440  # pixels: a panel with its six lines side by side


def causal_reasoning(rows: Rows) -> Chapter | None:
    """Defection by forced line, a panel per model and defense; None where "causal_reasoning" has no
    rows."""
    results = final(only(read(rows), "causal_reasoning", "defection", "follows"))
    panels = by_subject(results)
    if not panels:
        return None
    drawn: list[Panel] = []
    for subject, panel in panels.items():
        title = panel_title(subject, list(panels), panel)
        drawn += [_panel(f"{title}\n{state}", theirs) for state, theirs in by_state(panel).items()]
    caption = captioned(CAPTION, results, list(panels), "Bars")
    shown = [metric for metric in TABLES if select(results, metric=metric)]
    return Chapter(
        id="causal",
        title=TITLE,
        question=question("causal_reasoning"),
        said=sentences(panels, _said),
        figure=Figure(title=TITLE, caption=caption, panels=tuple(drawn), columns=2, width=WIDTH),
        tables=tuple(_table(TABLES[metric], panels, metric) for metric in shown),
    )


TABLES = {
    "defection": "Share of replies that exhibit the behavior, by forced line",
    "follows": "Share of replies whose action follows the line that was forced",
}


def _lines(results: Iterable[Result]) -> list[str]:
    """The forced lines that were measured, known ones first."""
    measured = dict.fromkeys(result.arm.kind for result in results)
    return [
        *(line for line in FORCED if line in measured),
        *(line for line in measured if line not in FORCED),
    ]


def _panel(title: str, results: Iterable[Result]) -> Panel:
    lines = _lines(results)
    points: dict[str, dict[str, Summary]] = {}
    for arm, words in WITH.items():
        rates = {line: summed(results, f"{arm}:{line}", "defection") for line in lines}
        points[words] = {line: summary for line, summary in rates.items() if summary is not None}
    return dots(title, lines, points, STYLES, horizontal=False)


def _said(begin: str, results: Iterable[Result]) -> str:
    """One state of the organism: what it does behind each line, and how often it follows it."""
    sentences: list[str] = []
    for arm, words in WITH.items():
        shares = {
            what: summed(results, f"{arm}:{line}", "defection") for line, what in SAID.items()
        }
        rates = [f"{said(share)} {what}" for what, share in shares.items() if share is not None]
        if rates:
            sentences.append(f"{words}, {', '.join(rates)}")
    follows = grouped(select(results, metric="follows"), lambda result: result.arm.main)
    rates = [
        f"{said(joined(follows[arm]))} {words}" for arm, words in WITH.items() if arm in follows
    ]
    end = f" The action follows the forced line in {' and '.join(rates)}." if rates else ""
    return f"{begin}, share that exhibits the behavior: {'; '.join(sentences)}.{end}"


def _table(caption: str, panels: dict[Subject, list[Result]], metric: str) -> Table:
    lines = _lines(select(itertools.chain(*panels.values()), metric=metric))
    groups: list[tuple[str, tuple[Row, ...]]] = []
    for state, results in each_state(panels):
        rows: list[Row] = []
        for arm, words in WITH.items():
            rates = [summed(results, f"{arm}:{line}", metric) for line in lines]
            if any(rates):
                rows.append((words, cells(rates)))
        groups.append((state, tuple(rows)))
    return Table(caption=caption, columns=tuple(lines), groups=tuple(groups))
