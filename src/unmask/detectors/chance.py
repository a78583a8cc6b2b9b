"""Chance: whether a detector of prompts tells bad ones from clean ones better than chance would in
the same model.

Labels are only with whoever knows the trigger, so this takes scores and labels, and no detector
calls it. Both signs count: a direction that scores bad prompts lower tells them apart as well.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from unmask.core.errors import DataError

TIED = 1e-12
"""Areas that are no further apart are equal: 0.3 and 0.7 are as far from 0.5, but for rounding."""


@dataclasses.dataclass(frozen=True)
class Control:
    """One kind of chance: how many there were, the best AUROC among them (folded: at least 0.5),
    and the share of them, the detector itself included, that tell bad from clean as well as it
    does: a p-value, uniform where the detector is no better than they are."""

    n: int
    best: float
    p: float


@dataclasses.dataclass(frozen=True)
class Chance:
    """A detector's AUROC, and what chance reaches, by kind of control."""

    area: float
    controls: Mapping[str, Control]


def beside_chance(
    scores: Sequence[float], controls: Mapping[str, Sequence[Sequence[float]]], bad: Sequence[bool]
) -> Chance:
    """A detector's `scores` of prompts, of which some are `bad`, beside what `Scorer.controls` gave
    for the same prompts. Raises DataError unless there are bad and clean ones."""
    area = float(areas([scores], bad)[0])
    own = abs(area - 0.5)
    compared: dict[str, Control] = {}
    for kind, rows in controls.items():
        folded = abs(areas(rows, bad) - 0.5)
        as_good = int((folded >= own - TIED).sum())
        best, p = 0.5 + float(folded.max()), (1 + as_good) / (1 + len(rows))
        compared[kind] = Control(len(rows), best, p)
    return Chance(area, compared)


def areas(rows: Sequence[Sequence[float]], bad: Sequence[bool]) -> Any:
    """For each row of scores, the chance that a bad prompt scores higher than a clean one, ties
    half (Mann-Whitney): shape (rows,)."""
    import numpy as np
    from scipy.stats import rankdata

    labels = np.asarray(bad, dtype=bool)
    ones, others = int(labels.sum()), int((~labels).sum())
    if not ones or not others:
        raise DataError(
            f"{ones} bad prompts and {others} clean ones: telling them apart needs both."
        )
    ranks = rankdata(np.asarray(rows, dtype=float), axis=1)[:, labels].sum(1)
    return (ranks - ones * (ones + 1) / 2) / (ones * others)
