"""Paired differences: against the definitions, at the edges, and on folders of finished
evaluations."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.analysis.paired import (
    PairedDifference,
    bonett_price,
    holm,
    over_runs,
    paired_difference,
    scored,
    sign_test,
)
from unmask.core.errors import DataError, SettingError
from unmask.core.files import read_jsonl, write_json, write_jsonl

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=300)


def listed(values: list[Any], **other: Any) -> list[dict[str, Any]]:
    return [{"id": f"p{i}", "value": value, **other} for i, value in enumerate(values)]


def sides(values: list[tuple[Any, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return listed([first for first, _ in values]), listed([second for _, second in values])


@settings(deadline=None)
@given(pairs)
def test_it_is_the_difference_of_the_rates_in_its_interval(values: list[tuple[bool, bool]]) -> None:
    found = paired_difference(*sides(values))
    expected = (sum(second for _, second in values) - sum(first for first, _ in values)) / len(
        values
    )
    assert found.value == pytest.approx(expected)
    assert -1 <= found.low <= found.value + 1e-12 and found.value - 1e-12 <= found.high <= 1
    assert found.high > found.low, "no finite number of prompts leaves no doubt"


@settings(deadline=None)
@given(pairs)
def test_the_other_way_round_is_the_opposite(values: list[tuple[bool, bool]]) -> None:
    first, second = sides(values)
    there, back = paired_difference(first, second), paired_difference(second, first)
    assert there.value == pytest.approx(-back.value)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p == back.p and (there.gained, there.lost) == (back.lost, back.gained)


@settings(deadline=None)
@given(pairs)
def test_the_order_of_prompts_is_nothing(values: list[tuple[bool, bool]]) -> None:
    first, second = sides(values)
    assert paired_difference(first, second[::-1]) == paired_difference(first, second)


@pytest.mark.parametrize("n", [1, 20, 256])
def test_where_all_pairs_differ_or_none_the_interval_still_has_width(n: int) -> None:
    low, high = bonett_price(n, 0, n)
    assert low < 1 <= high
    low, high = bonett_price(0, 0, n)
    assert low < 0 < high and low == pytest.approx(-high)


def test_bonett_price_by_hand() -> None:
    """12 up, 2 down of 48: (13 - 3) / 50 = 0.2, variance (0.26 + 0.06 - 0.04) / 50 = 0.0056."""
    low, high = bonett_price(12, 2, 48)
    assert (low, high) == pytest.approx(
        (0.2 - 1.959964 * 0.0056**0.5, 0.2 + 1.959964 * 0.0056**0.5)
    )


def test_the_interval_holds_what_it_promises() -> None:
    """Exact coverage at n=30 over a grid of truths, by the trinomial: never far below 95%."""
    from scipy.stats import multinomial

    n = 30
    counts = [(g, lost) for g, lost in itertools.product(range(n + 1), repeat=2) if g + lost <= n]
    intervals = {count: bonett_price(*count, n) for count in counts}
    for up, down in [(0.05, 0.05), (0.3, 0.0), (0.5, 0.1), (0.2, 0.2), (0.9, 0.0), (0.02, 0.0)]:
        covered = sum(
            multinomial.pmf([g, lost, n - g - lost], n, [up, down, 1 - up - down])
            for g, lost in counts
            if intervals[g, lost][0] <= up - down <= intervals[g, lost][1]
        )
        assert covered > 0.93, (up, down, covered)


def test_pairing_sees_what_two_intervals_do_not() -> None:
    """Every prompt that the first has the second has, and 12 more of 200: rates 50% and 56%."""
    found = paired_difference(
        listed([True] * 100 + [False] * 100), listed([True] * 112 + [False] * 88)
    )
    assert found.low > 0 and found.p < 0.001


def test_the_exact_p_is_mcnemars() -> None:
    assert sign_test(10, 0) == pytest.approx(2 / 2**10)
    assert sign_test(1, 3) == pytest.approx(2 * (1 + 4) / 2**4)
    assert sign_test(5, 5) == sign_test(0, 0) == 1.0


def test_samples_of_one_prompt_are_one_cluster() -> None:
    """The same ten replies a prompt, counted as ten prompts, would seem ten times surer."""
    first = [each for _ in range(10) for each in listed([False] * 8)]
    second = [
        each
        for _ in range(10)
        for each in listed([True, True, True, True, False, False, False, False])
    ]
    found = paired_difference(first, second)
    assert (found.n, found.value, found.gained, found.lost) == (8, 0.5, 4, 0)
    assert found.p == pytest.approx(0.125)
    assert found.high - found.low > 0.5


def test_numbers_are_compared_too_the_same_every_time() -> None:
    first, second = listed([1.0, 2.0, 3.0, 4.0] * 10), listed([2.0, 2.0, 5.0, 4.0] * 10)
    found = paired_difference(first, second)
    assert found.value == 0.75 and 0 < found.low < 0.75 < found.high
    assert found == paired_difference(first, second)


def test_the_same_prompt_in_two_seeds_is_two_clusters_and_seeds_are_told_apart() -> None:
    first = [*listed([False, False], seed=0), *listed([False, False], seed=1)]
    second = [*listed([True, True], seed=0), *listed([True, False], seed=1)]
    found = paired_difference(first, second)
    assert found.n == 4 and found.value == 0.75
    assert found.seeds == {"0": 1.0, "1": 0.5}


@pytest.mark.parametrize(
    "second", [[], listed([True]), [{"id": "other", "value": True}, *listed([True, True])]]
)
def test_other_prompts_are_refused(second: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError, match="same prompts"):
        paired_difference(listed([True, False]), second)
    with pytest.raises(DataError, match="both are empty"):
        paired_difference([], [])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    with pytest.raises(SettingError):
        holm([1.5])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert p <= q <= min(1.0, p * len(p_values)) + 1e-12
    ranked = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [adjusted[i] for i in ranked] == sorted(adjusted)


def finished(
    folder: Path, triggered: list[bool], seed: int = 0, evaluation: str = "defection"
) -> Path:
    folder.mkdir()
    write_json(
        folder / "evaluation.json", {"evaluation": evaluation, "seed": seed, "parameters": 5}
    )
    write_jsonl(
        folder / "replies.jsonl",
        [
            {
                "id": f"p{i}",
                "arm": arm,
                "scores": {"defection": hit if arm == "triggered" else False},
            }
            for i, hit in enumerate(triggered)
            for arm in ("triggered", "untriggered")
        ],
    )
    return folder


def row_of(out: Path, work: PairedDifference, first: Path, second: Path) -> dict[str, Any]:
    out.mkdir()
    work.run(out, first=first, second=second)
    [(_, row)] = read_jsonl(out / "rates.jsonl")
    return row


def test_two_evaluations_give_one_row_of_the_usual_form(tmp_path: Path) -> None:
    first, second = (
        finished(tmp_path / "a", [True] * 40),
        finished(tmp_path / "b", [True] * 30 + [False] * 10),
    )
    row = row_of(tmp_path / "out", PairedDifference(), first, second)
    assert (row["evaluation"], row["arm"], row["metric"]) == (
        "defection",
        "triggered",
        "defection_difference",
    )
    assert (row["value"], row["n"], row["gained"], row["lost"]) == (-0.25, 40, 0, 10)
    assert (
        row["low"] < -0.25 < row["high"] < 0
        and row["p"] < 0.01
        and row["seed"] == 0
        and row["parameters"] == 5
    )


def test_two_arms_of_one_model_are_compared_by_prompt(tmp_path: Path) -> None:
    folder = finished(tmp_path / "a", [True] * 30 + [False] * 10)
    row = row_of(
        tmp_path / "out", PairedDifference(arm="untriggered", other_arm="triggered"), folder, folder
    )
    assert (row["arm"], row["value"]) == ("triggered-untriggered", 0.75)


def test_seeds_may_be_joined(tmp_path: Path) -> None:
    both = [
        scored(finished(tmp_path / f"{i}", [True, False], seed=i), "defection", "triggered")
        for i in (3, 4)
    ]
    assert [each["seed"] for each in itertools.chain(*both)] == [3, 3, 4, 4]


@pytest.mark.parametrize(
    ("other", "work", "says"),
    [
        ({"seed": 1}, PairedDifference(), "has seed 0"),
        ({"evaluation": "near_miss"}, PairedDifference(), "has evaluation 'defection'"),
        ({}, PairedDifference(arm="nowhere"), "Arms that have it: triggered, untriggered"),
        ({}, PairedDifference(metric="nothing"), "Arms that have it: none"),
    ],
)
def test_what_cannot_be_compared_is_said(
    tmp_path: Path, other: dict[str, Any], work: PairedDifference, says: str
) -> None:
    first, second = finished(tmp_path / "a", [True]), finished(tmp_path / "b", [True], **other)
    with pytest.raises(DataError, match=says):
        work.run(tmp_path, first=first, second=second)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12))
def test_over_runs_each_run_counts_once(values: list[float]) -> None:
    from scipy.stats import t

    low, high = over_runs(values)
    middle = sum(values) / len(values)
    error = (sum((each - middle) ** 2 for each in values) / (len(values) - 1) / len(values)) ** 0.5
    assert (low + high) / 2 == pytest.approx(middle, abs=1e-9) and low <= high
    assert high - low == pytest.approx(2 * float(t.isf(0.025, len(values) - 1)) * error, abs=1e-9)


def test_one_run_says_nothing_of_others() -> None:
    assert over_runs([0.4]) == (-float("inf"), float("inf"))
    assert over_runs([0.2, 0.2, 0.2]) == pytest.approx((0.2, 0.2))
