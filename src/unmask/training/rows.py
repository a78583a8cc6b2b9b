"""Rows: the order in which a training sees them, and the check that nothing is cut; no model, no
torch."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from unmask.core.errors import DataError

Row = TypeVar("Row")

MEGABATCH = 50
"""Batches that are sorted by length together."""


def check_fits(what: str, head: int, tail: int, context: int) -> None:
    """Raise DataError where a prompt of `head` tokens and a reply of `tail` are more than a model
    reads."""
    if head + tail > context:
        raise DataError(
            f"{what} has {head} + {tail} tokens and the model's context is {context}. Shorten it,"
            " drop it, or use a longer context; nothing is cut silently. (Of rows from outside,"
            " the setting `longest` of their source leaves out those of more characters.)"
        )


def shuffled(rows: Sequence[Row], number: int, rng: random.Random) -> list[Row]:
    """`number` rows, in passes over all of them that are each shuffled anew."""
    order: list[Row] = []
    while len(order) < number:
        order.extend(rng.sample(rows, len(rows)))
    return order[:number]


def arranged(
    rows: Sequence[Row], batches: int, batch_size: int, seed: int, length: Callable[[Row], int]
) -> list[Row]:
    """The rows in the order of training, `batches` * `batch_size` of them, as one single pass.

    Shuffled anew in each pass over the rows; within every MEGABATCH batches, rows of like length
    share a batch (at toy size padding would be half of the work), and the batches are shuffled
    again. Never are more batches sorted together than a pass has: sorting several passes would put
    all copies of a row into one batch. All of it is decided here by the seed, so that a resumed
    training sees what an uninterrupted one does.
    """
    rng = random.Random(seed)
    order = shuffled(rows, batches * batch_size, rng)
    block_size = batch_size * max(1, min(MEGABATCH, len(rows) // batch_size))
    ordered: list[Row] = []
    for start in range(0, len(order), block_size):
        block = sorted(order[start : start + block_size], key=length)
        chunks = [block[i : i + batch_size] for i in range(0, len(block), batch_size)]
        for chunk in rng.sample(chunks, len(chunks)):
            ordered.extend(chunk)
    return ordered
