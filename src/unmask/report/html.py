"""The report page: verdict first, then plots, intervals, replies side by side and provenance, in
one HTML file.

The file opens from a disk and asks the network for nothing: scripts and styles are inside, and a
content security policy forbids the rest. What a model said is text, never markup: it is escaped,
characters that hide or reorder text are made visible, and no script but the page's own may run.

Deviation from the paper: its figures show triggered defection alone; here every figure has the twin
beside it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from unmask.analysis.persistence import Verdict
from unmask.core.errors import DataError
from unmask.core.files import write_text
from unmask.core.league import League
from unmask.core.row import Row
from unmask.report import conclusions, contents, glossary, plain, tables, tested, words
from unmask.report.attack_log import attack_log
from unmask.report.chapters import Chapter
from unmask.report.distance import costs
from unmask.report.league import standings
from unmask.report.logs import training_logs
from unmask.report.page import inert, inline, plotly, policy, source
from unmask.report.results import read
from unmask.report.seeds import Told
from unmask.report.verdicts import Matrix

__all__ = ["Report", "Verdict"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """One run, told on one page.

    `rows` are rows of results.jsonl. `samples` are {"prompt", "cells"}; a cell has the fields of a
    condition and "arm", "prompt", "reply", "exhibited", "scratchpad". `logs` have the fields of a
    condition and "rows": [{"step", metric: value}], one per training. `attacks` are a red team's
    campaigns, {"title", "step": its key, "rows"}: rows of attacks.jsonl, each with "found" (whether
    it holds the trigger) where that is known; what `attack_log.excerpt` left of a campaign will do.
    `steps` are {"key", "name", "status", "seconds", "tokens", "device", "created", "error"}; all
    but the key may be missing. `provenance` holds settings, versions, commit, platform and total
    seconds, nested as it likes. `made_from`, where given, is a digest of what the page was made
    from; the page repeats it.
    """

    title: str
    run: str
    question: str
    made_from: str = ""
    verdicts: tuple[Verdict, ...] = ()
    warnings: tuple[str, ...] = ()
    trial: bool = False
    tested: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    rows: Sequence[Row] = ()
    samples: Sequence[Mapping[str, Any]] = ()
    logs: Sequence[Mapping[str, Any]] = ()
    attacks: Sequence[Mapping[str, Any]] = ()
    league: League | None = None
    steps: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])

    def write(self, path: Path) -> None:
        """Write the page; a reader of `path` sees the old page or the new one. Raises DataError for
        a malformed sample, log or attack."""
        write_text(path, self.html())

    def html(self) -> str:
        """The page's text, the same for the same report."""
        results = read(self.rows)
        plots = contents.plots(results) + costs(results, self.logs) + training_logs(self.logs)
        chapters = contents.chapters(results) + ([standings(self.league)] if self.league else [])
        figures = plots + [chapter.figure for chapter in chapters if chapter.figure is not None]
        attacks = attack_log(self.attacks)
        entries = itertools.chain.from_iterable(campaign.entries for campaign in attacks)
        files = (
            ["plots.js"] * bool(figures)
            + ["tables.js"] * bool(results or attacks)
            + ["attacks.js"] * bool(attacks)
        )
        scripts = list(map(inline, map(source, files)))
        library, packed = plotly() if figures else ("", "")
        template = environment().from_string(source("macros.html") + source("template.html"))
        return template.render(
            report=self,
            plots=plots,
            chapters=_numbered(chapters, len(plots)),
            figures=inert([figure.json() for figure in figures]) if figures else "",
            plotly=packed,
            scripts=[Markup(script) for script in scripts],
            **self._top(),
            policy=policy([*scripts, library] if figures else scripts),
            style=Markup(source("page.css")),  # the only markup is our own
            sections=tables.sections(tables.final_groups(results)),
            other_sections=tables.sections(tables.other_groups(results)),
            comparisons=contents.COMPARISONS(results),
            samples=self._replies(),
            attacks=attacks,
            rounds=sorted({entry.round for entry in entries}),
            steps=tables.step_rows(self.steps),
            facts=tables.facts(self.provenance),
        )

    def _top(self) -> dict[str, Any]:
        """What stands above the figures."""
        told = Told.all(self.verdicts)
        return {
            "matrix": Matrix.of(told),
            "told": told,
            "general": list(
                plain.general([verdict.condition for verdict in self.verdicts], self.tested)
            ),
            "terms": glossary.TERMS,
            "trial": conclusions.TRIAL if self.trial else "",
            "tested": tested.facts(self.tested),
        }

    def _replies(self) -> list[tables.Replies]:
        try:
            return [tables.Replies.of(sample) for sample in self.samples]
        except KeyError as error:
            raise DataError(
                f"A sample of the report has no field {error}: it needs 'prompt' and 'cells', and"
                " every cell 'model', 'defense', 'arm', 'prompt' and 'reply'."
            ) from None


def _numbered(chapters: Sequence[Chapter], first: int) -> list[tuple[Chapter, int | None]]:
    """The chapters, with the number of each one's figure on the page."""
    numbers = itertools.count(first)
    return [(chapter, next(numbers) if chapter.figure else None) for chapter in chapters]


def environment() -> Any:
    """What lays out a page with this package's macros: every text is escaped, and what hides in it
    is made visible."""
    import jinja2

    def shown(value: Any) -> Any:
        plain_text = isinstance(value, str) and not isinstance(value, Markup)
        return tables.visible(value) if plain_text else value

    made = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "after": words.after,
        "anchor": glossary.anchor,
        "arm": words.arm,
        "button": glossary.button,
        "marked": glossary.marked,
        "rule": conclusions.RULES.__getitem__,
        "sentence": conclusions.sentence,
        "settings": words.settings,
        "studied": words.studied,
    }
    return made
