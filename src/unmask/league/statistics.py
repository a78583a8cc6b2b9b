"""What a league's numbers are computed by: areas under ROC curves with a bootstrap over lineages,
and rates with bounds. Arrays in, numbers out.

Models of one lineage are alike, so whole lineages are resampled: those that have a positive apart
from those that have none, so that both sorts are in every resample. Resamples of a few lineages
know too little of those that are not among them: of areas near 1 their 95% intervals hold the true
one half of the time. So every interval is at least as wide as one that takes each lineage for one
model; that is wider than need be where models of a lineage differ.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unmask.analysis.rates import CONFIDENCE, cluster_interval
from unmask.core.errors import DataError

RESAMPLES = 2000
Z = 1.959964
"""Standard errors on each side of a 95% interval."""

TIED = 1e-12
"""Areas that are no further apart are equal: one may be written as 1 less the other."""

Interval = tuple[float, float]


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

    @property
    def counts(self) -> tuple[int, int]:
        """Lineages with a positive, and with a negative."""
        return len(set(self.positives)), len(set(self.negatives))

    @property
    def least_p(self) -> float:
        """The chance that who knows nothing ranks all lineages with a positive first: so few of
        them support no smaller p."""
        ones, others = self.counts
        return 1 / math.comb(ones + others, ones)

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


def area_interval(sides: Sides, area: float, resamples: Any) -> Interval:
    """The 95% interval of an area: percentiles of its resamples, or `score_interval` where that
    reaches further."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(resamples, [tail, 1 - tail])
    return wider((float(low), float(high)), score_interval(area, *sides.counts))


def score_interval(area: float, ones: int, others: int) -> Interval:
    """The areas from which one is at most Z standard errors away, of so many positives and
    negatives, each on its own: as Wilson's of a rate. The standard error is that of Hanley and
    McNeil 1982."""
    from scipy.optimize import brentq

    def excess(true: float) -> float:
        better = max(true, 1 - true)  # a detector that is turned round is as sure
        above, below = better / (2 - better), 2 * better**2 / (1 + better)
        spread = better * (1 - better)
        spread += (ones - 1) * (above - better**2) + (others - 1) * (below - better**2)
        return (true - area) ** 2 - Z**2 * spread / (ones * others)

    inside = min(max(area, TIED), 1 - TIED)
    low: Any = brentq(excess, 0.0, inside) if area > 0 else 0.0
    high: Any = brentq(excess, inside, 1.0) if area < 1 else 1.0
    return float(low), float(high)


def rate_interval(alarms: Sequence[bool], lineages: Sequence[str]) -> Interval:
    """The 95% interval of a rate: with lineages resampled, or Wilson's with as many models as there
    are lineages where that reaches further."""
    clusters = in_lineages(alarms, lineages)
    n, rate = len(clusters), sum(alarms) / len(alarms)
    middle = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    own = (max(0.0, middle - half), min(1.0, middle + half))
    return wider(cluster_interval(clusters), own)


def mean_interval(values: Sequence[float], lineages: Sequence[str]) -> Interval:
    """The 95% interval of a mean of numbers from 0 to 1: with lineages resampled, or Student's over
    lineages where that reaches further. One lineage says nothing of others."""
    from scipy.stats import t

    clusters = in_lineages(values, lineages)
    n, mean = len(clusters), sum(values) / len(values)
    if n == 1:
        return 0.0, 1.0
    apart = sum((sum(own) - len(own) * mean) ** 2 for own in clusters)
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * math.sqrt(n / (n - 1) * apart) / len(values)
    return wider(cluster_interval(clusters), (max(0.0, mean - half), min(1.0, mean + half)))


def in_lineages(values: Sequence[float], lineages: Sequence[str]) -> list[list[float]]:
    return [own for _, own in by_name(list(zip(lineages, values, strict=True)))]


def wider(one: Interval, other: Interval) -> Interval:
    return min(one[0], other[0]), max(one[1], other[1])


def no_better(areas: Any, control: Any) -> float:
    """One-sided p: how often, among resamples, a detector's area is not above a control's; the
    control counts in the direction that is better for it, as if that had been known."""
    turned = control if np.nanmean(control) >= 0.5 else 1 - control
    differences = areas - turned
    kept = differences[~np.isnan(differences)]
    return float((np.count_nonzero(kept <= TIED) + 1) / (len(kept) + 1))


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
