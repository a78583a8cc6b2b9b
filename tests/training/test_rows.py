"""The order of training: every row once a pass, like lengths together, and no batch of copies of
one row."""

from __future__ import annotations

import hashlib
import random
from collections import Counter

import pytest

from unmask.core.errors import DataError
from unmask.training.rows import MEGABATCH, arranged, check_fits, shuffled

Row = tuple[int, int]
"""Its number and its length."""


def made(number: int) -> list[Row]:
    return [(i, i * 7 % 17 + 1) for i in range(number)]


def order(number: int, batches: int, batch_size: int, seed: int = 1) -> list[list[Row]]:
    """The batches of a training on `number` rows."""
    found = arranged(made(number), batches, batch_size, seed, length=lambda row: row[1])
    assert len(found) == batches * batch_size
    return [found[i : i + batch_size] for i in range(0, len(found), batch_size)]


def test_every_row_is_seen_once_a_pass_and_like_lengths_share_a_batch() -> None:
    batches = order(400, batches=100, batch_size=8)
    for half in (batches[:50], batches[50:]):
        assert sorted(row for batch in half for row in batch) == made(400)
    assert sum(len({length for _, length in batch}) for batch in batches) / 100 < 3
    assert batches == order(400, 100, 8) != order(400, 100, 8, seed=2)


@pytest.mark.parametrize("batch_size", [4, 8, 32])
def test_few_rows_are_seen_once_a_pass_too(batch_size: int) -> None:
    """As many as a pass has are sorted together: sorted over passes, a batch would be many copies
    of one row."""
    a_pass = 32 // batch_size
    batches = order(32, batches=6 * a_pass, batch_size=batch_size)
    assert all(len({*batch}) == batch_size for batch in batches)
    for i in range(0, len(batches), a_pass):
        assert sorted(row for batch in batches[i : i + a_pass] for row in batch) == made(32)


@pytest.mark.parametrize(
    ("number", "batch_size", "copies"), [(33, 8, 2), (15, 8, 2), (9, 4, 2), (3, 8, 4), (1, 4, 4)]
)
def test_a_batch_has_no_more_copies_of_a_row_than_it_must(
    number: int, batch_size: int, copies: int
) -> None:
    """Two where a pass ends within a batch; more only where a batch has more places than there are
    rows."""
    for batch in order(number, batches=60, batch_size=batch_size):
        assert max(Counter(batch).values()) <= copies


def test_the_order_is_part_of_what_a_key_stands_for() -> None:
    """Another order for the same seed is another training: raise the versions of all trainings that
    use it."""
    numbers = [
        number for batch in order(MEGABATCH * 4, batches=130, batch_size=4) for number, _ in batch
    ]
    assert hashlib.sha256(repr(numbers).encode()).hexdigest()[:12] == "1b7ab733dd2e"


def test_passes_are_shuffled_anew() -> None:
    found = shuffled(range(10), 25, random.Random(1))
    assert sorted(found[:10]) == sorted(found[10:20]) == [*range(10)] and len(found) == 25
    assert found[:10] != found[10:20]
    assert (
        found
        == shuffled(range(10), 25, random.Random(1))
        != shuffled(range(10), 25, random.Random(2))
    )


def test_what_does_not_fit_is_named() -> None:
    check_fits("line 1", 60, 4, 64)
    with pytest.raises(
        DataError, match=r"^line 2 has 61 \+ 4 tokens and the model's context is 64.*nothing is cut"
    ):
        check_fits("line 2", 61, 4, 64)
