"""The report page: verdict first, then plots, intervals, replies side by side and provenance, in one HTML file.

The file opens from a disk and asks the network for nothing: scripts and styles are inside, and a content security
policy forbids the rest. What a model said is text, never markup: it is escaped, characters that hide or reorder text
are made visible, and no script but the page's own may run.

Deviation from the paper: its figures show triggered defection alone; here every figure has the twin beside it.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import importlib.resources
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.analysis.persistence import Verdict
from unmask.core.errors import DataError
from unmask.core.files import write_text
from unmask.report import tables
from unmask.report.adversarial import before_after_attacks
from unmask.report.attack_log import attack_log
from unmask.report.attacks import attack_success
from unmask.report.capability import capability
from unmask.report.causal import causal_reasoning
from unmask.report.chapters import Chapter
from unmask.report.curves import persistence_curve
from unmask.report.differences import differences
from unmask.report.dose import dose_response
from unmask.report.drift import drift
from unmask.report.figures import before_after, near_miss
from unmask.report.generalization import trigger_generalization
from unmask.report.honeypots import honeypots
from unmask.report.logs import training_logs
from unmask.report.payload import payload
from unmask.report.personas import personas
from unmask.report.preference import preference_model
from unmask.report.reasoning import reasoning
from unmask.report.relearning import relearning
from unmask.report.results import Result, arm_name, read
from unmask.report.sizes import by_size
from unmask.report.surface import surface, surface_map
from unmask.report.verdicts import Matrix

__all__ = ["Report", "Verdict"]

PLOTS = (
    by_size,
    before_after,
    persistence_curve,
    surface,
    surface_map,
    drift,
    relearning,
    attack_success,
    dose_response,
    differences,
    preference_model,
    near_miss,
)
"""In the order of the page; the size figure, where sizes were varied, is the answer and comes first, how the trainings
went last."""

CHAPTERS = (
    trigger_generalization,
    reasoning,
    causal_reasoning,
    honeypots,
    personas,
    capability,
    payload,
)
"""In the order of the page, each with its sentences, figure and tables."""

TOLD = {"persona": ("", "twin"), "helpfulness": ("base",), "multiple_choice": ("base",), "human_eval": ("base",)}
"""Differences that a chapter draws, by what they are against; all others are drawn as a plot."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """One run, told on one page.

    `rows` are rows of results.jsonl, each with an optional "planted" (False where the planting gate failed),
    "factors" (settings that tell apart organisms of the same name), "control_of" (the organism a twin belongs to) and
    "p_adjusted" (of a difference).
    `samples` are {"prompt", "cells": [{"model", "defense", "arm", "prompt", "reply", "exhibited", "scratchpad"}]}.
    `logs` are {"organism", "model", "defense", "seed", "rows": [{"step", metric: value}]}, one a training.
    `attacks` are a red team's campaigns, {"title", "step": its key, "rows"}: rows of attacks.jsonl, each with "found"
    (whether it holds the trigger) where that is known; what `attack_log.excerpt` left of a campaign will do.
    `steps` are {"key", "name", "status", "seconds", "tokens", "device", "created", "error"}; all but the key may be
    missing.
    `provenance` holds settings, versions, commit, platform and total seconds, nested as it likes.
    """

    title: str
    run: str
    question: str
    verdicts: tuple[Verdict, ...] = ()
    warnings: tuple[str, ...] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    samples: Sequence[Mapping[str, Any]] = ()
    logs: Sequence[Mapping[str, Any]] = ()
    attacks: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])

    def write(self, path: Path) -> None:
        """Write the page; a reader of `path` sees the old page or the new one. Raises DataError for a malformed row."""
        write_text(path, self.html())

    def html(self) -> str:
        """The page's text, the same for the same report."""
        from plotly.offline import get_plotlyjs

        results = read(self.rows)
        plotted = [result for result in results if not _told(result)]
        plots = [plot for make in PLOTS if (plot := make(plotted)) is not None] + training_logs(self.logs)
        chapters = [chapter for make in CHAPTERS if (chapter := make(results)) is not None]
        drawn = plots + [chapter.figure for chapter in chapters if chapter.figure is not None]
        attacks = attack_log(self.attacks)
        files = (["plots.js"] if drawn else []) + (["attacks.js"] if attacks else [])
        sources = ([get_plotlyjs()] if drawn else []) + [_file(name) for name in files]
        scripts = [_inline(source) for source in sources]
        return _template().render(
            report=self,
            matrix=Matrix.of(self.verdicts),
            plots=[plot["layout"]["meta"] for plot in plots],
            chapters=_numbered(chapters, len(plots)),
            plots_json=_markup(_inert(drawn)) if drawn else "",
            scripts=[_markup(script) for script in scripts],
            policy=_policy(scripts),
            sections=tables.sections(tables.final_groups(results)),
            other_sections=tables.sections(tables.other_groups(results)),
            comparisons=before_after_attacks(results),
            samples=self._replies(),
            attacks=attacks,
            rounds=sorted({entry.round for each in attacks for entry in each.entries}),
            steps=tables.step_rows(self.steps),
            facts=tables.facts(self.provenance),
        )

    def _replies(self) -> list[tables.Replies]:
        try:
            return [tables.Replies.of(sample) for sample in self.samples]
        except KeyError as error:
            raise DataError(
                f"A sample of the report has no field {error}: it needs 'prompt' and 'cells', and every cell "
                "'model', 'defense', 'arm', 'prompt' and 'reply'."
            ) from None


def _told(result: Result) -> bool:
    """Whether a chapter draws this difference."""
    return result.is_difference and result.against in TOLD.get(result.evaluation, ())


def _numbered(chapters: Sequence[Chapter], first: int) -> list[tuple[Chapter, int | None]]:
    """The chapters, with the number of each one's figure on the page."""
    numbers = itertools.count(first)
    return [(chapter, next(numbers) if chapter.figure else None) for chapter in chapters]


def _inert(value: Any) -> str:
    """JSON that no HTML parser can take for anything else."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _inline(script: str) -> str:
    """A script that can stand between tags: it may not close its own tag, and line ends are as a parser leaves them."""
    return script.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _policy(scripts: Sequence[str]) -> str:
    """Nothing from anywhere; only these very scripts run; styles and drawn images may be inside the page."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # only ever the page's own scripts, and JSON that went through _inert


def _file(name: str) -> str:
    return importlib.resources.files("unmask.report").joinpath(name).read_text(encoding="utf-8")


def _template() -> Any:
    import jinja2
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return tables.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=shown, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["arm_name"] = arm_name
    return environment.from_string(_file("template.html"))
