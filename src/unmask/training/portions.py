"""Portions: the rows of a batch that are in memory together; the gradients of all of them are
added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unmask.training.training import Training


def rows_together(work: Training) -> int:
    """How many rows of a batch, or of a rank's part of it, go through the model at once.

    The largest divisor of the batch that is not above `rows_at_once`: of portions of one size, a
    mean over rows is the mean of the portions' means.
    """
    batch = work.batch_size // work.efficiency.ranks
    fitting = range(1, min(work.efficiency.rows_at_once or batch, batch) + 1)
    return max(rows for rows in fitting if batch % rows == 0)


def portions(inputs: Mapping[str, Any], rows: int, sides: int = 1) -> list[Mapping[str, Any]]:
    """A batch as portions of `rows` rows each; the batch itself where it has no more.

    A tensor has its rows along its first axis, `sides` times as many where a row has several (of
    comparisons: all chosen replies, then all rejected ones). What has no such axis is in every
    portion.
    """
    total = max(map(_length, inputs.values())) // sides
    if rows >= total:
        return [inputs]

    def cut(value: Any, start: int) -> Any:
        if _length(value) != total * sides:
            return value
        return value.unflatten(0, (sides, total))[:, start : start + rows].flatten(0, 1)

    def portion(start: int) -> Mapping[str, Any]:
        return {name: cut(value, start) for name, value in inputs.items()}

    return [portion(start) for start in range(0, total, rows)]


def _length(value: Any) -> int:
    return value.shape[0] if getattr(value, "ndim", 0) else 0
