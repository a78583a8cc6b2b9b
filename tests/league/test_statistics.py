"""Areas, bounds and resampling, against known values and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from unmask.core.errors import DataError
from unmask.league import statistics
from unmask.league.statistics import Sides, auroc, bound, interval, no_better, resampled


def test_the_area_is_that_of_the_rank_test_with_ties_for_half() -> None:
    rng = np.random.default_rng(1)
    positives, negatives = rng.integers(0, 9, 40) + 1.0, rng.integers(0, 9, 30) + 0.0
    u = float(mannwhitneyu(positives, negatives).statistic)
    assert auroc(list(positives), list(negatives)) == pytest.approx(u / (40 * 30))
    assert auroc([1.0], [1.0]) == 0.5


@pytest.mark.parametrize(("n", "percent"), [(13, 20.6), (24, 11.7), (60, 4.9), (299, 1.0)])
def test_no_alarm_among_n_clean_models_bounds_the_rate(n: int, percent: float) -> None:
    assert bound(0, n) == pytest.approx(1 - 0.05 ** (1 / n))
    assert 100 * bound(0, n) == pytest.approx(percent, abs=0.05)


def test_alarms_raise_the_bound_and_all_of_them_make_it_one() -> None:
    assert bound(0, 20) < bound(1, 20) < bound(5, 20)
    assert bound(20, 20) == 1.0


def test_models_of_one_lineage_are_resampled_together() -> None:
    rng = np.random.default_rng(2)
    negatives = list(rng.normal(size=60))
    means = rng.normal(0.5, 1, 6)
    alike = [float(mean) for mean in means for _ in range(10)]
    others = tuple(f"clean {i}" for i in range(60))
    families = Sides(tuple(f"planted {i // 10}" for i in range(60)), others)
    alone = Sides(tuple(f"planted {i}" for i in range(60)), others)
    wide = interval(resampled(families, alike, negatives))
    narrow = interval(resampled(alone, alike, negatives))
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_resampling_an_area_of_one_leaves_it() -> None:
    sides = Sides(("a", "b"), ("a", "c", "d"))
    assert interval(resampled(sides, [3.0, 4.0], [0.0, 1.0, 2.0])) == (1.0, 1.0)


def test_no_side_may_be_empty() -> None:
    with pytest.raises(DataError, match="0 positives and 1 negatives"):
        Sides((), ("a",))


def test_a_control_counts_in_the_direction_that_is_better_for_it() -> None:
    good, chance, wrong_way = np.full(99, 0.9), np.full(99, 0.5), np.full(99, 0.02)
    assert no_better(good, chance) == 0.01
    assert no_better(good, wrong_way) == 1.0
    assert no_better(np.append(good, np.nan), np.append(chance, 0.5)) == 0.01


def test_a_rank_correlation_needs_something_that_varies() -> None:
    assert statistics.rank_correlation([1, 2, 3], [4, 5, 9]) == pytest.approx(1.0)
    assert statistics.rank_correlation([1, 2, 3], [4, 4, 4]) is None
    assert statistics.rank_correlation([1, 2], [4, 5]) is None
