"""Measuring: what every work that makes numbers declares of them."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from unmask.core.errors import UnknownName
from unmask.core.metric import DIFFERENCE, Against, Metric
from unmask.core.named import Work


class Measuring(Work, abc.ABC):
    """Abstract. Its result has replies.jsonl, whose rows have scores by metric, and
    evaluation.json.

    Contract (testing/evaluations.py): every score that it writes is among its metrics.
    """

    asks: ClassVar[str]
    """The question that it answers, as a reader would ask it."""

    metrics: ClassVar[Mapping[str, Metric]]
    """Its metrics by name; the first is the one that it is about."""

    compared: ClassVar[Mapping[Against, str]] = {}
    """What a model is compared with on the same prompts, and the metric that is compared."""

    def measured(self) -> Mapping[str, Metric]:
        """The metrics of this one, those of what it is about included (a behavior's own)."""
        return self.metrics

    def metric(self, name: str) -> Metric:
        """What a metric is, or the paired difference of one; raises UnknownName."""
        known = self.measured()
        plain = name.removesuffix(DIFFERENCE)
        if plain not in known:
            raise UnknownName(f"metric of {self.name}", plain, known)
        return known[plain] if plain == name else known[plain].difference()


def rescored(row: Mapping[str, Any], kept: Iterable[str], **scores: float) -> dict[str, Any]:
    """A row of replies.jsonl with other scores, by metric, and the fields that are kept."""
    return {field: row[field] for field in kept} | {"scores": scores}
