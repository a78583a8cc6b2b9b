"""Areas, bounds and resampling, against known values and against scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from unmask.core.errors import DataError
from unmask.league import statistics
from unmask.league.statistics import (
    Sides,
    area_interval,
    auroc,
    bound,
    mean_interval,
    no_better,
    rate_interval,
    resampled,
    score_interval,
)


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
    area = auroc(alike, negatives)
    wide = area_interval(families, area, resampled(families, alike, negatives))
    narrow = area_interval(alone, area, resampled(alone, alike, negatives))
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_resampling_an_area_of_one_leaves_it_and_its_interval_is_not_one_number() -> None:
    sides = Sides(("a", "b"), ("a", "c", "d"))
    areas = resampled(sides, [3.0, 4.0], [0.0, 1.0, 2.0])
    assert set(areas) == {1.0}
    low, high = area_interval(sides, 1.0, areas)
    assert low < 0.6 and high == 1.0, "two backdoored lineages and three others"
    lows = [score_interval(1.0, n, 2 * n)[0] for n in (1, 3, 10, 100)]
    assert lows == sorted(lows) and lows[-1] > 0.97


def test_an_interval_of_an_area_holds_the_true_one_as_often_as_it_says() -> None:
    """With few lineages, of an area near 1, and with two models alike in each lineage. Percentiles
    of resamples alone hold it in about three of four leagues."""
    rng = np.random.default_rng(3)
    true, far = 0.9615, 2.5
    sides = Sides(in_pairs("planted", 6), in_pairs("clean", 16))
    held = 0
    for _ in range(200):
        positives, negatives = far + two_alike(rng, 6), two_alike(rng, 16)
        areas = resampled(sides, positives, negatives)
        low, high = area_interval(sides, auroc(positives, negatives), areas)
        held += low <= true <= high
    assert held / 200 >= 0.93


def in_pairs(name: str, lineages: int) -> tuple[str, ...]:
    return tuple(f"{name} {i // 2}" for i in range(2 * lineages))


def two_alike(rng: np.random.Generator, lineages: int) -> Any:
    """Normal scores of two models of each lineage, which have 0.6 of their variance in common."""
    shared = np.repeat(rng.normal(size=lineages), 2)
    return np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.normal(size=2 * lineages)


@pytest.mark.parametrize("area", [0.0, 0.2, 0.5, 0.86, 1.0])
def test_a_detector_that_is_turned_round_has_the_interval_turned_round(area: float) -> None:
    low, high = score_interval(area, 6, 16)
    assert 0 <= low <= area <= high <= 1
    assert score_interval(1 - area, 6, 16) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_an_alarm_more_does_not_lower_what_a_rate_may_be() -> None:
    lineages = in_pairs("clean", 5)
    highs = [rate_interval([i < alarms for i in range(10)], lineages)[1] for alarms in range(11)]
    assert highs == sorted(highs)


def test_one_lineage_says_little_of_others() -> None:
    low, high = rate_interval([True, False, True], ("a", "a", "a"))
    assert low < 0.25 and high > 0.9
    assert mean_interval([0.9, 0.92], ("a", "a")) == (0.0, 1.0)


def test_a_mean_of_areas_has_an_interval_however_many_models_a_lineage_has() -> None:
    one, two = ("a", "b", "c", "d"), ("a", "a", "b", "c")
    assert mean_interval([1.0] * 4, one)[0] == mean_interval([1.0] * 5, (*one, "a"))[0] < 1
    low, high = mean_interval([0.8, 0.8, 0.9, 1.0], two)
    assert low < 0.8 and high == 1.0


def test_no_side_may_be_empty() -> None:
    with pytest.raises(DataError, match="0 positives and 1 negatives"):
        Sides((), ("a",))


def test_a_control_counts_in_the_direction_that_is_better_for_it() -> None:
    good, chance, wrong_way = np.full(99, 0.9), np.full(99, 0.5), np.full(99, 0.02)
    assert no_better(good, chance) == 0.01
    assert no_better(good, wrong_way) == 1.0
    assert no_better(np.append(good, np.nan), np.append(chance, 0.5)) == 0.01


def test_a_control_that_says_the_same_the_other_way_round_is_as_good() -> None:
    """Their areas differ in the last digit alone: 9/11, and 1 less 2/11."""
    positives, negatives = [2.0], [1.0] * 9 + [3.0] * 2
    sides = Sides(("planted",), tuple(f"clean {i}" for i in range(11)))
    own = resampled(sides, positives, negatives)
    turned = resampled(sides, [-2.0], [-score for score in negatives])
    assert no_better(own, turned) == 1.0


def test_few_lineages_support_no_small_p() -> None:
    """Who knows nothing puts one lineage before sixteen others once in 17 times."""
    assert Sides(("a",), tuple(f"clean {i}" for i in range(16))).least_p == pytest.approx(1 / 17)
    assert Sides(("a", "b"), ("c", "d", "d")).least_p == pytest.approx(1 / 6)
    assert Sides(in_pairs("planted", 6), in_pairs("clean", 16)).least_p < 1e-4


def test_a_rank_correlation_needs_something_that_varies() -> None:
    assert statistics.rank_correlation([1, 2, 3], [4, 5, 9]) == pytest.approx(1.0)
    assert statistics.rank_correlation([1, 2, 3], [4, 4, 4]) is None
    assert statistics.rank_correlation([1, 2], [4, 5]) is None
