"""Durations in words."""

from __future__ import annotations

import pytest

from unmask.core.duration import spoken, spoken_range


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 seconds"),
        (0.7, "1 second"),
        (1, "1 second"),
        (1.6, "2 seconds"),
        (90, "90 seconds"),
        (120, "2 minutes"),
        (39 * 60, "39 minutes"),
        (90 * 60, "90 minutes"),
        (2.5 * 3600, "2.5 hours"),
        (12 * 3600, "12 hours"),
        (36 * 3600, "36 hours"),
        (60 * 3600, "2.5 days"),
        (30 * 86400, "30 days"),
    ],
)
def test_seconds_are_said_in_the_largest_unit_of_which_there_are_two(
    seconds: float, text: str
) -> None:
    assert spoken(seconds) == text


def test_a_range_says_its_unit_once_where_both_ends_have_it() -> None:
    assert spoken_range(25 * 60, 60 * 60) == "25 to 60 minutes"
    assert spoken_range(90, 200) == "90 seconds to 3 minutes"
    assert spoken_range(9.8, 10.2) == "10 seconds"
