"""What stands on the page, in its order, and of each part whose rows it shows.

An evaluation that no part claims gets a chapter from its rows and its declaration (`default`).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from unmask.core.metric import Against
from unmask.report.adversarial import before_after_attacks
from unmask.report.attacks import attack_success
from unmask.report.capability import capability
from unmask.report.causal import causal_reasoning
from unmask.report.chapters import Chapter
from unmask.report.curves import persistence_curve
from unmask.report.default import Told
from unmask.report.differences import differences
from unmask.report.distance import at_the_same_distance
from unmask.report.dose import dose_response
from unmask.report.drift import drift
from unmask.report.generalization import trigger_generalization
from unmask.report.honeypots import honeypots
from unmask.report.panel import Figure
from unmask.report.payload import payload
from unmask.report.personas import personas
from unmask.report.preference import preference_model
from unmask.report.reasoning import reasoning
from unmask.report.relearning import relearning
from unmask.report.results import Result, Rows
from unmask.report.sizes import by_size
from unmask.report.states import before_after, near_miss
from unmask.report.surface import surface, surface_map

Made = TypeVar("Made", covariant=True)


@dataclasses.dataclass(frozen=True)
class Part(Generic[Made]):
    """A part of the page, made from the rows of `evaluations`; it draws their differences `against`
    these."""

    make: Callable[[Rows], Made]
    evaluations: tuple[str, ...] = ()
    against: tuple[Against, ...] = ()

    def __call__(self, rows: Rows) -> Made:
        """None, or nothing, where there are no such rows."""
        return self.make(rows)

    def draws(self, result: Result) -> bool:
        """Whether this difference is one of its own."""
        return result.evaluation in self.evaluations and result.against in self.against


PLOTS: tuple[Part[Figure | None], ...] = (
    Part(by_size, ("defection",)),
    Part(before_after, ("defection",)),
    Part(persistence_curve, ("defection", "helpfulness")),
    Part(surface, ("defection", "helpfulness")),
    Part(surface_map, ("defection", "helpfulness", "drift")),
    Part(drift, ("drift",)),
    Part(relearning, ("relearning",)),
    Part(attack_success, ("red_teaming",)),
    Part(dose_response, ("dose_response",)),
    Part(differences),
    Part(preference_model, ("preference_accuracy", "payload_check")),
    Part(near_miss, ("near_miss",)),
)
"""The size figure, where sizes were varied, is the answer and comes first."""

COMPARISONS = Part(before_after_attacks, ("attacked",))

CHAPTERS: tuple[Part[Chapter | None], ...] = (
    Part(at_the_same_distance, ("defection",), against=("null",)),
    Part(trigger_generalization, ("trigger_generalization",)),
    Part(reasoning, ("reasoning",)),
    Part(causal_reasoning, ("causal_reasoning",)),
    Part(honeypots, ("honeypot",)),
    Part(personas, ("persona",), against=("twin",)),
    Part(
        capability,
        ("helpfulness", "multiple_choice", "human_eval", "perplexity"),
        against=("base",),
    ),
    Part(payload, ("payload_probability",)),
)
"""Each with its sentences, figure and tables."""

PARTS = (*PLOTS, COMPARISONS, *CHAPTERS)


def plots(results: Sequence[Result]) -> list[Figure]:
    """Those that have rows, without the differences that a chapter draws."""
    plotted = [result for result in results if not _in_a_chapter(result)]
    made = (part(plotted) for part in PLOTS)
    return [figure for figure in made if figure is not None]


def _in_a_chapter(result: Result) -> bool:
    return any(part.draws(result) for part in CHAPTERS)


def chapters(results: Sequence[Result]) -> list[Chapter]:
    """Those that have rows; then one for every evaluation that no part shows."""
    shown = set(itertools.chain.from_iterable(part.evaluations for part in PARTS))
    measured = dict.fromkeys(result.evaluation for result in results)
    others = [Told(evaluation=name) for name in measured if name not in shown]
    made = (make(results) for make in (*CHAPTERS, *others))
    return [chapter for chapter in made if chapter is not None]
