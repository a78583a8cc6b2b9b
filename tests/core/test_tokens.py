"""Tokens of a unit of work."""

from __future__ import annotations

from unmask.core.tokens import Tokens


def test_none_are_none() -> None:
    """Executors ask in this way whether a model is involved."""
    assert not Tokens()
    assert Tokens(scored=1)
    assert (Tokens(trained=1) + Tokens(sampled=2)).total == 3
