"""Intervals: against their definition, and where rates are 0 or 1."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.analysis.rates import Rates, mean_interval, summarized, wilson
from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl, write_json, write_jsonl

counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_wilson_is_the_score_intervals_closed_form(count: tuple[int, int]) -> None:
    k, n = count
    z, p = 1.959963984540054, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = wilson(k, n)
    assert math.isclose(low, max(0, middle - half), abs_tol=1e-9)
    assert math.isclose(high, min(1, middle + half), abs_tol=1e-9)


@given(counts)
def test_the_rate_lies_in_its_interval(count: tuple[int, int]) -> None:
    k, n = count
    low, high = wilson(k, n)
    assert 0 <= low <= k / n + 1e-12 and k / n - 1e-12 <= high <= 1


@given(counts)
def test_the_interval_of_the_opposite_is_the_opposite(count: tuple[int, int]) -> None:
    k, n = count
    low, high = wilson(k, n)
    other_low, other_high = wilson(n - k, n)
    assert math.isclose(low, 1 - other_high, abs_tol=1e-9) and math.isclose(
        high, 1 - other_low, abs_tol=1e-9
    )


def test_nothing_measured_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(SettingError):
        wilson(k, n)


def test_a_mean_has_a_bootstrap_interval_that_is_the_same_every_time() -> None:
    values = [1.0, 2.0, 3.0, 10.0] * 20
    low, high = mean_interval(values)
    assert low < 4.0 < high
    assert (low, high) == mean_interval(values)
    assert mean_interval([2.0, 2.0]) == (2.0, 2.0)


def test_booleans_are_rates_and_numbers_are_means() -> None:
    assert summarized([True, False, False, False]).value == 0.25
    assert summarized([1.0, 2.0]).value == 1.5


def test_replies_to_one_prompt_count_as_one_cluster() -> None:
    """Ten replies to each of 20 prompts, all alike within a prompt: the interval is that of 20, not
    of 200."""
    ids = [str(i) for i in range(20) for _ in range(10)]
    values = [i < 10 for i in range(20) for _ in range(10)]
    found = summarized(values, ids)
    alone = summarized([i < 10 for i in range(20)], [str(i) for i in range(20)])
    assert (found.value, found.n) == (0.5, 200)
    assert found.high - found.low > 0.8 * (alone.high - alone.low)
    assert found == summarized(values, ids), "the same every time"


def test_independent_replies_to_one_prompt_have_the_interval_of_their_number() -> None:
    ids = [str(i % 50) for i in range(200)]
    values = [random.Random(i).random() < 0.3 for i in range(200)]
    found, plain = summarized(values, ids), summarized(values)
    assert abs((found.high - found.low) - (plain.high - plain.low)) < 0.06


def test_clusters_that_agree_still_leave_doubt() -> None:
    found = summarized([False] * 30, [str(i % 10) for i in range(30)])
    assert (found.low, found.high) == pytest.approx(wilson(0, 10))


def test_rates_per_arm_and_metric(tmp_path: Path) -> None:
    write_json(
        tmp_path / "evaluation.json", {"evaluation": "defection", "seed": 0, "parameters": 5}
    )
    write_jsonl(
        tmp_path / "replies.jsonl",
        [
            {"id": str(i), "arm": arm, "scores": {"defection": hit}}
            for i, (arm, hit) in enumerate([("a", True), ("a", False), ("b", False)])
        ],
    )
    out = tmp_path / "out"
    out.mkdir()
    Rates().run(out, evaluation=tmp_path)
    rows = {row["arm"]: row for _, row in read_jsonl(out / "rates.jsonl")}
    assert (rows["a"]["value"], rows["a"]["n"], rows["b"]["value"]) == (0.5, 2, 0.0)
    assert rows["a"]["evaluation"] == "defection" and rows["a"]["parameters"] == 5
