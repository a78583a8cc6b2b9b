"""Measuring: what every work that makes numbers declares of them."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import UnknownName
from unmask.core.files import write_json, write_jsonl
from unmask.core.metric import DIFFERENCE, Against, Metric
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.core.tokens import Tokens


class Measuring(Work, abc.ABC):
    """Abstract. Its result has replies.jsonl, whose rows have scores by metric, and
    evaluation.json: {"evaluation", "seed", "parameters"}.

    Contract (testing/evaluations.py): every score that it writes is among its metrics.
    """

    asks: ClassVar[str]
    """The question that it answers, as a reader would ask it."""

    metrics: ClassVar[Mapping[str, Metric]]
    """Its metrics by name; the first is the one that it is about."""

    compared: ClassVar[Mapping[Against, str]] = {}
    """What a model is compared with on the same prompts, and the metric that is compared."""

    seed: int
    """A setting of every one."""

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

    def write(self, out: Path, rows: Iterable[Mapping[str, Any]], parameters: int) -> int:
        """Write the result; `parameters` are those of the model that the rows are about. Returns
        the number of rows."""
        samples = write_jsonl(out / "replies.jsonl", rows)
        header = {"evaluation": self.name, "seed": self.seed, "parameters": parameters}
        write_json(out / "evaluation.json", header)
        return samples


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rereading(Measuring, abc.ABC):
    """Abstract. Scores replies that are there already, each of which is read twice. `replies` and
    `tokens_per_reply` are for estimates."""

    seed: int = 0
    replies: int = dataclasses.field(default=512, metadata=RUN_ONLY)
    tokens_per_reply: int = dataclasses.field(default=48, metadata=RUN_ONLY)

    def tokens(self) -> Tokens:
        return Tokens(scored=2 * self.replies * self.tokens_per_reply)


def rescored(row: Mapping[str, Any], kept: Iterable[str], **scores: float) -> dict[str, Any]:
    """A row of replies.jsonl with other scores, by metric, and the fields that are kept."""
    return {field: row[field] for field in kept} | {"scores": scores}
