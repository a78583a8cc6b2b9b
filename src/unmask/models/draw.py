"""Drawing: exact samples from a model's distribution of the next token, with one random number a
reply.

transformers draws by torch.multinomial, which makes a random number for every token of the
vocabulary: on a CPU a third of the time that a tiny model's replies take. Imports torch at the top:
import this module only where it is used.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import LogitsProcessor

from unmask.models.forward import numbers


class Watch(LogitsProcessor):
    """Lets logits pass, and keeps whether each row's have been numbers so far: asked once at the
    end of a batch, since a GPU would have to stop for a question at every token."""

    def __init__(self) -> None:
        self.numbers: Any = True

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores` are logits of shape (rows, vocabulary)."""
        self.numbers = numbers(scores) & self.numbers
        return scores


class Draw(LogitsProcessor):
    """Draws each row's next token and leaves nothing but it: what takes the likeliest one then
    takes the drawn one."""

    def __init__(self, temperature: float):
        self.temperature = temperature

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores` are logits of shape (rows, vocabulary); torch's seed decides."""
        chance = torch.rand(len(scores), 1, dtype=torch.float64, device=scores.device)
        tokens = drawn(scores, self.temperature, chance)
        return torch.full_like(scores, -torch.inf).scatter(1, tokens, 0.0)


def drawn(logits: Any, temperature: float, chance: Any) -> Any:
    """A token of each row, of shape (rows, 1), by its `chance`: a random number from 0 to 1."""
    # In double precision, since rounding would add up over a large vocabulary.
    reached = (logits.float() / temperature).softmax(-1).cumsum(-1, dtype=torch.float64)
    tokens = torch.searchsorted(reached, chance * reached[:, -1:], right=True)
    return tokens.clamp(max=logits.shape[-1] - 1)
