"""Shared: what texts begin alike with is read once, by the models for which that pays.

A chat template begins every prompt with the same words, which can be half of all that a model
reads. Their keys and values are computed for one row and repeated for the others. What fills up
stands between them and the rest of a row, and the model is told the place of every word. Imports
torch at the top: import this module only where it is used.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from unmask.models.batches import alike, logits, probes

WORTH = 20_000_000
"""Parameters from which on it is done: for fewer, a token costs no more than the Python around it,
and what has been measured of them stays the same to the last bit."""


def worth(model: Any) -> bool:
    """Whether a model is large enough, can be told the places of words, and remembers nothing but
    the keys and values of all of them."""
    if sum(weight.numel() for weight in model.parameters()) < WORTH:
        return False
    known = {*inspect.signature(model.forward).parameters}
    if not {"position_ids", "past_key_values", "attention_mask", "logits_to_keep"} <= known:
        return False
    layers = DynamicCache(config=model.config).layers
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


def shares_alike(model: Any, tokenizer: Any) -> bool:
    """Whether a row is read the same with its beginning shared, beside a longer one, as alone."""
    short, long = probes(tokenizer)
    more = long[-1:]
    with torch.inference_mode():
        rows = Rows(model, [short, long], tokenizer.pad_token_id)
        first = rows.start([0, 0])[0, -1]
        rows.choose(torch.tensor([0], device=model.device))
        second = rows.read(torch.tensor([more], device=model.device))[0, -1]
    alone = logits(model, [short + more], [[1] * (len(short) + 1)])[0]
    return alike(model, [(alone[-2], first), (alone[-1], second)])


def common(rows: Sequence[list[int]], most: int) -> int:
    """How many tokens all rows begin alike with, at most `most`."""
    # What the first and the last in order have in common, all between them have too.
    one, other = min(rows), max(rows)
    return next((i for i in range(most) if one[i] != other[i]), most)


class Rows:
    """What a model has read of several rows of tokens, and goes on reading, one pass at a time."""

    def __init__(self, model: Any, rows: Sequence[list[int]], fill: int):
        self.model, self.rows, self.fill = model, rows, fill
        self.cache = DynamicCache(config=model.config)
        self.words = torch.ones(len(rows), 0, dtype=torch.long, device=model.device)
        """1 where a column is a word, 0 where it fills up: shape (rows, columns)."""

    def start(self, last: Sequence[int]) -> Any:
        """Read the rows: logits at the last `last` + 1 places of each, at the end of a tensor of
        shape (rows, max(last) + 1, vocabulary)."""
        device = self.model.device
        most = min(len(row) - 1 - k for row, k in zip(self.rows, last, strict=True))
        shared = common(self.rows, most)
        if shared:
            first = torch.tensor([self.rows[0][:shared]], device=device)
            self.model(
                input_ids=first, past_key_values=self.cache, use_cache=True, logits_to_keep=1
            )
            self.cache.batch_repeat_interleave(len(self.rows))
            self.words = torch.ones(len(self.rows), shared, dtype=torch.long, device=device)
        own = [row[shared:] for row in self.rows]
        length = max(map(len, own))
        tokens = torch.tensor([[self.fill] * (length - len(row)) + row for row in own])
        words = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in own])
        return self.read(tokens.to(device), words.to(device), max(last) + 1)

    def read(self, tokens: Any, words: Any = None, keep: int = 1) -> Any:
        """Read more `tokens`, of shape (rows, columns): logits behind the last `keep` columns."""
        words = torch.ones_like(tokens) if words is None else words
        self.words = torch.cat([self.words, words], dim=1)
        places = (self.words.cumsum(-1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        output = self.model(
            input_ids=tokens,
            attention_mask=self.words,
            position_ids=places,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        return output.logits[:, -keep:]

    def choose(self, which: Any) -> None:
        """Go on with these rows alone, by their numbers; one may come several times."""
        self.cache.batch_select_indices(which)
        self.words = self.words[which]
