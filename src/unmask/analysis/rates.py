"""Rates with intervals: from an evaluation's scores to rows with value, n, low and high (95%).

Booleans get a Wilson interval, which holds at 0 and 1 and at small n; numbers get a percentile bootstrap (paper,
section 4: 95% bootstrap intervals everywhere).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.core.files import read_json, read_jsonl, write_jsonl
from unmask.core.named import Work

CONFIDENCE = 0.95


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95% Wilson score interval of a rate; (0, 1) where n is 0. Raises SettingError unless 0 <= k <= n."""
    from scipy.stats import binomtest

    if not 0 <= successes <= n:
        raise SettingError(f"{successes} successes of {n}: need 0 <= successes <= n.")
    if n == 0:
        return 0.0, 1.0
    interval = binomtest(successes, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% percentile bootstrap interval of a mean, with a fixed seed; the value itself where all are equal."""
    import numpy as np
    from scipy.stats import bootstrap

    array = np.asarray(values, dtype=float)
    if array.size < 2 or np.ptp(array) == 0:
        return float(array.mean()), float(array.mean())
    found = bootstrap((array,), np.mean, confidence_level=CONFIDENCE, method="percentile", n_resamples=1000, rng=0)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def summarized(values: Sequence[bool | float]) -> dict[str, float | int]:
    """{"value", "n", "low", "high"} of one metric in one arm."""
    if all(isinstance(value, bool) for value in values):
        successes = sum(values)
        low, high = wilson(int(successes), len(values))
    else:
        low, high = mean_interval(values)
    return {"value": sum(values) / len(values), "n": len(values), "low": low, "high": high}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rates(Work):
    """Rates and intervals per arm and metric of one evaluation."""

    name: ClassVar[str] = "rates"
    version: ClassVar[int] = 1

    def run(self, out: Path, *, evaluation: Path) -> Mapping[str, Any]:
        header = read_json(evaluation / "evaluation.json")
        scores: dict[tuple[str, str], list[bool | float]] = {}
        for _, row in read_jsonl(evaluation / "replies.jsonl"):
            for metric, value in row["scores"].items():
                scores.setdefault((row["arm"], metric), []).append(value)
        rows = [
            {**header, "arm": arm, "metric": metric, **summarized(values)} for (arm, metric), values in scores.items()
        ]
        write_jsonl(out / "rates.jsonl", rows)
        return {"rows": len(rows)}
