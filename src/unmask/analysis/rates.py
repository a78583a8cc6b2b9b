"""Rates with intervals: from an evaluation's scores to rows with value, n, low and high (95%).

Booleans get a Wilson interval, which holds at 0 and 1 and at small n; numbers get a percentile
bootstrap (paper, section 4: 95% bootstrap intervals everywhere). Where a prompt was answered
several times, prompts are resampled, not replies: replies to one prompt are alike.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.core.estimate import Estimate
from unmask.core.files import read_json, read_jsonl, write_jsonl
from unmask.core.named import Work

CONFIDENCE = 0.95
RESAMPLES = 1000
AT_ONCE = 10_000_000
"""Numbers that resampling holds in memory."""


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95% Wilson score interval of a rate; (0, 1) where n is 0. Raises SettingError unless 0 <=
    k <= n."""
    from scipy.stats import binomtest

    if not 0 <= successes <= n:
        raise SettingError(f"{successes} successes of {n}: need 0 <= successes <= n.")
    if n == 0:
        return 0.0, 1.0
    interval = binomtest(successes, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% percentile bootstrap interval of a mean, with a fixed seed; the value itself where
    all are equal."""
    import numpy as np
    from scipy.stats import bootstrap

    array = np.asarray(values, dtype=float)
    if array.size < 2 or np.ptp(array) == 0:
        return float(array.mean()), float(array.mean())
    resampled = bootstrap(
        (array,),
        np.mean,
        confidence_level=CONFIDENCE,
        method="percentile",
        n_resamples=RESAMPLES,
        batch=max(1, AT_ONCE // array.size),
        rng=0,
    )
    return float(resampled.confidence_interval.low), float(resampled.confidence_interval.high)


def cluster_interval(clusters: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The 95% percentile bootstrap interval of the mean over all values, whole clusters resampled,
    with a fixed seed.

    Where every value of a share is the same, resampling knows no more: Wilson's interval over
    clusters then.
    """
    import numpy as np

    sums, sizes = (
        np.array([sum(values) for values in clusters], float),
        np.array([len(values) for values in clusters]),
    )
    value = float(sums.sum() / sizes.sum())
    if all(number == value for number in itertools.chain.from_iterable(clusters)):
        return (
            wilson(round(value * len(clusters)), len(clusters))
            if value in (0.0, 1.0)
            else (value, value)
        )
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, len(clusters), len(clusters)) for _ in range(RESAMPLES))
    means = [sums[pick].sum() / sizes[pick].sum() for pick in drawn]
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def summarized(values: Sequence[bool | float], ids: Sequence[str] = ()) -> Estimate:
    """One metric in one arm; `n` counts values, which may share a prompt's id."""
    if len(set(ids)) < len(ids):
        clusters: dict[str, list[float]] = {}
        for id, value in zip(ids, values, strict=True):
            clusters.setdefault(id, []).append(value)
        low, high = cluster_interval(list(clusters.values()))
    elif all(isinstance(value, bool) for value in values):
        successes = sum(values)
        low, high = wilson(int(successes), len(values))
    else:
        low, high = mean_interval(values)
    return Estimate(sum(values) / len(values), low, high, len(values))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rates(Work):
    """Rates and intervals per arm and metric of one evaluation."""

    name: ClassVar[str] = "rates"
    version: ClassVar[int] = 2

    def run(self, out: Path, *, evaluation: Path) -> Mapping[str, Any]:
        return {"rows": write_jsonl(out / "rates.jsonl", rates_of(evaluation))}


def rates_of(evaluation: Path) -> list[dict[str, Any]]:
    """The rates of an evaluation's folder: its header with arm, metric, value, n, low and high of
    each."""
    header = read_json(evaluation / "evaluation.json")
    scores: dict[tuple[str, str], tuple[list[bool | float], list[str]]] = {}
    for _, row in read_jsonl(evaluation / "replies.jsonl"):
        for metric, value in row["scores"].items():
            values, ids = scores.setdefault((row["arm"], metric), ([], []))
            values.append(value)
            ids.append(row["id"])
    return [
        {**header, "arm": arm, "metric": metric, **dataclasses.asdict(summarized(values, ids))}
        for (arm, metric), (values, ids) in scores.items()
    ]


def estimate_of(row: Mapping[str, Any]) -> Estimate:
    """The number of a row of rates.jsonl."""
    return Estimate(row["value"], row["low"], row["high"], row["n"])
