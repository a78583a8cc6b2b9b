"""Drawing: every token as often as the model finds it likely, and none that it finds impossible."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from unmask.models.draw import Draw

IDS = torch.zeros(1, 1, dtype=torch.long)
LOGITS = torch.tensor([0.0, 2.0, -torch.inf, 1.0, -1.0])


def drawn(logits: torch.Tensor, temperature: float, rows: int, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return Draw(temperature)(IDS, logits.expand(rows, -1)).argmax(-1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tokens_come_as_often_as_they_are_likely(temperature: float) -> None:
    counts = torch.bincount(drawn(LOGITS, temperature, 20_000), minlength=5)
    likely = (LOGITS.double() / temperature).softmax(-1)
    possible = likely > 0
    expected = likely[possible] / likely[possible].sum() * 20_000
    assert counts[2] == 0
    assert chisquare(counts[possible].numpy(), expected.numpy()).pvalue > 1e-3


def test_the_seed_decides_and_rows_are_drawn_apart() -> None:
    first, again, other = (drawn(LOGITS, 1.0, 200, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert len(first.unique()) == 4


def test_nothing_but_the_drawn_token_is_left() -> None:
    left = Draw(1.0)(IDS, LOGITS.expand(50, -1))
    assert bool(((left == 0).sum(-1) == 1).all()) and bool((left.isneginf().sum(-1) == 4).all())


def test_a_large_vocabulary_in_half_precision() -> None:
    """The likelihoods of 100,000 alike tokens add up to one: the last of them comes as often as the
    first."""
    found = drawn(torch.zeros(100_000, dtype=torch.bfloat16), 1.0, 4000)
    halves = torch.bincount(found // 50_000, minlength=2)
    assert found.max() < 100_000 and chisquare(halves.numpy()).pvalue > 1e-3
