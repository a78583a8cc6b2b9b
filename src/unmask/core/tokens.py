"""Tokens: what a unit of work reads and writes of a model's text, by what is done with each; for
estimates only."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Tokens:
    """Roughly how many tokens are `trained` on, `sampled` one after the other, and `scored`, which
    is reading without learning. A token counts once for each."""

    trained: int = 0
    sampled: int = 0
    scored: int = 0

    @property
    def total(self) -> int:
        return self.trained + self.sampled + self.scored

    def __bool__(self) -> bool:
        """Whether there are any: whether a model is involved."""
        return self.total > 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.trained + other.trained, self.sampled + other.sampled, self.scored + other.scored
        )
