"""Collapse: said where a log shows it, and nowhere else."""

from __future__ import annotations

import pytest

from unmask.training.collapse import collapse


def rows(steps: int, **last: float) -> list[dict[str, float]]:
    """A log that ends with other values than it begins with."""
    first = {"length": 10.0, "distinct": 0.6, "kl": 0.0, "scratchpad_share": 0.9}
    return [first] * (steps // 2) + [{**first, **last}] * (steps - steps // 2)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (rows(20), []),
        (rows(20, length=15.0, distinct=0.4, kl=6.0), []),
        (rows(20, length=21.0), ["Length"]),
        (rows(20, length=4.9), ["Length"]),
        (rows(20, distinct=0.29), ["Diversity"]),
        (rows(20, kl=10.1), ["KL"]),
        (rows(20, scratchpad_share=0.46), []),
        (rows(20, scratchpad_share=0.44), ["Scratchpads"]),
        (
            [
                {**row, "scratchpad_share": max(0.0, 0.4 - 0.02 * i)}
                for i, row in enumerate(rows(20))
            ],
            ["Scratchpads"],
        ),
        (
            [{**row, "scratchpad_share": 0.1 if i < 10 else 0.0} for i, row in enumerate(rows(20))],
            [],
        ),
        (rows(2, distinct=0.1, kl=99.0), ["Diversity", "KL"]),
        (rows(20, length=2.0, distinct=0.02, kl=8.0), ["Length", "Diversity", "KL"]),
        (rows(1), []),
        ([], []),
    ],
)
def test_collapse_is_said(log: list[dict[str, float]], said: list[str]) -> None:
    assert [sentence.partition(":")[0] for sentence in collapse(log)] == said
