"""What a league's numbers are computed by: areas under ROC curves with a bootstrap over lineages,
and rates with bounds. Arrays in, numbers out.

Models of one lineage are alike, so whole lineages are resampled: those that have a positive apart
from those that have none, so that both sorts are in every resample.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unmask.core.errors import DataError

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclasses.dataclass(frozen=True)
class Sides:
    """The lineages of positives and of negatives; a lineage may be on both sides."""

    positives: tuple[str, ...]
    negatives: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.positives or not self.negatives:
            raise DataError(
                f"{len(self.positives)} positives and {len(self.negatives)} negatives: an area"
                " under the curve needs one of each at least."
            )

    @functools.cached_property
    def draws(self) -> tuple[Any, Any]:
        """How often each positive, and each negative, is in each resample: shapes (RESAMPLES,
        positives) and (RESAMPLES, negatives)."""
        rng = np.random.default_rng(0)
        both = sorted(set(self.positives))
        alone = sorted(set(self.negatives) - set(both))
        counts: dict[str, Any] = {}
        for lineages in filter(None, (both, alone)):
            n = len(lineages)
            drawn = rng.multinomial(n, [1 / n] * n, size=RESAMPLES)
            counts.update(zip(lineages, drawn.T, strict=True))
        ones = np.stack([counts[name] for name in self.positives], axis=1)
        others = np.stack([counts[name] for name in self.negatives], axis=1)
        return ones, others


def wins(positives: Sequence[float], negatives: Sequence[float]) -> Any:
    """Which positive is above which negative: 1, or 0.5 for a tie; shape (positives,
    negatives)."""
    ones, others = np.asarray(positives)[:, None], np.asarray(negatives)[None, :]
    return (ones > others) + 0.5 * (ones == others)


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """The chance that a positive scores higher than a negative; ties count half (Mann-Whitney)."""
    return float(wins(positives, negatives).mean())


def resampled(sides: Sides, positives: Sequence[float], negatives: Sequence[float]) -> Any:
    """The area in each resample of lineages, shape (RESAMPLES,). A resample whose drawn lineages
    have no negative, where all are of positives, has no area and is nan."""
    ones, others = sides.draws
    together = ((ones @ wins(positives, negatives)) * others).sum(axis=1)
    pairs = ones.sum(axis=1) * others.sum(axis=1)
    return np.divide(together, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def interval(values: Any) -> tuple[float, float]:
    """The 95% percentile interval of resampled areas."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def no_better(areas: Any, control: Any) -> float:
    """One-sided p: how often, among resamples, a detector's area is not above a control's; the
    control counts in the direction that is better for it, as if that had been known."""
    turned = control if np.nanmean(control) >= 0.5 else 1 - control
    differences = areas - turned
    kept = differences[~np.isnan(differences)]
    return float((np.count_nonzero(kept <= 0) + 1) / (len(kept) + 1))


def bound(alarms: int, n: int) -> float:
    """The one-sided 95% upper bound of a rate, exact (Clopper-Pearson): 1 - 0.05 ** (1 / n) where
    there was no alarm."""
    from scipy.stats import binomtest

    exact = binomtest(alarms, n, alternative="less").proportion_ci(CONFIDENCE, method="exact")
    return float(exact.high)


def rank_correlation(ones: Sequence[float], others: Sequence[float]) -> float | None:
    """Spearman's; None where one of them does not vary, or there are fewer than three."""
    from scipy.stats import spearmanr

    if len(ones) < 3 or min(len(set(ones)), len(set(others))) < 2:
        return None
    result: Any = spearmanr(ones, others)
    return float(result.statistic)


def by_name(pairs: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    """What has one name together, in the order of the names' first appearance."""
    groups: dict[str, list[Any]] = {}
    for name, member in pairs:
        groups.setdefault(name, []).append(member)
    yield from groups.items()
