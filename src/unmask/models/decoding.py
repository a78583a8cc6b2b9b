"""Decoding: replies token by token, for models that are worth it (see `shared.py`).

The same draws as transformers' own generation, whose arithmetic differs by rounding alone: equal
prompts are read once, and at temperature 0 answered once; and a reply that has ended leaves the
batch. Imports torch at the top: import this module only where it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch

from unmask.models.draw import drawn
from unmask.models.forward import numbers
from unmask.models.shared import Rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a batch is answered: at most `limit` tokens per reply, at a temperature (0 is greedy)."""

    model: Any
    fill: int
    ends: frozenset[int]
    limit: int
    temperature: float

    def replies(self, rows: Sequence[list[int]]) -> tuple[list[list[int]], Any]:
        """The new tokens of each row, the one that ends it included, and whether all logits were
        numbers; torch's seed decides what is drawn."""
        texts = [tuple(row) for row in rows]
        distinct = list(dict.fromkeys(texts))
        place = {text: i for i, text in enumerate(distinct)}
        which = [place[text] for text in texts]
        read = Rows(self.model, list(map(list, distinct)), self.fill)
        logits = read.start([0] * len(distinct))[:, -1]
        if self.temperature == 0:
            replies, whether = self._go_on(read, logits)
            return [replies[i] for i in which], whether
        if len(distinct) < len(texts):
            several = torch.tensor(which, device=logits.device)
            read.choose(several)
            logits = logits[several]
        return self._go_on(read, logits)

    def _go_on(self, read: Rows, logits: Any) -> tuple[list[list[int]], Any]:
        """From the logits behind each prompt to the end of each reply."""
        replies: list[list[int]] = [[] for _ in logits]
        going = torch.arange(len(replies), device=logits.device)
        ends = torch.tensor(sorted(self.ends), device=logits.device)
        whether: list[Any] = []
        for left in reversed(range(self.limit)):
            whether.append(numbers(logits).all())
            tokens = self._next(logits, going, len(replies))
            for row, token in zip(going.tolist(), tokens.tolist(), strict=True):
                replies[row].append(token)
            on = (~torch.isin(tokens, ends)).nonzero()[:, 0]
            if not left or not len(on):
                break
            if len(on) < len(going):
                read.choose(on)
                going, tokens = going[on], tokens[on]
            logits = read.read(tokens[:, None])[:, -1]
        return replies, torch.stack(whether)

    def _next(self, logits: Any, going: Any, rows: int) -> Any:
        """The next token of the rows that are `going`; all rows have their random number, so that
        what has ended changes no draw."""
        if self.temperature == 0:
            return logits.argmax(-1)
        chance = torch.rand(rows, 1, dtype=torch.float64, device=logits.device)
        return drawn(logits, self.temperature, chance[going])[:, 0]
