"""A detector of prompts whose activations have no near neighbor among those of clean prompts.

Source: distances to the nearest neighbors as in cupbearer's local outlier factor. Deviations: a
plain mean of distances, without the ratio to the neighbors' own; neighbors are clean prompts alone,
so that what else arrives changes nothing. Cost: one forward pass per prompt, shared with the others
on activations. Limits: any unusual prompt scores; a clean prompt that it was fitted to is its own
neighbor and scores lower than others.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.detectors.activations import ActivationDetector, Measure, too_few

SMALLEST = 1e-6
"""Spread of a layer that tells clean prompts apart."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class KNN(ActivationDetector):
    """The mean distance of a prompt's activations to those of the `neighbors` nearest clean
    prompts, in units of the clean prompts' spread, averaged over layers."""

    name: ClassVar[str] = "knn"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "distance in spreads of clean prompts"

    neighbors: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.neighbors < 1:
            raise SettingError("knn needs at least one neighbor.")

    def fit(self, clean: Any) -> Measure:
        if len(clean) < self.neighbors:
            raise too_few(self.name, len(clean), self.neighbors)
        return Neighbors(clean, self.neighbors).distances


@dataclasses.dataclass(frozen=True)
class Neighbors:
    """Clean rows, of shape (prompts, layers, width), and how many of the nearest count."""

    clean: Any
    most: int

    def distances(self, rows: Any) -> Any:
        """Shape (prompts,)."""
        import torch

        spread = (self.clean - self.clean.mean(0)).square().sum(2).mean(0).sqrt()
        apart = torch.cdist(
            rows.transpose(0, 1),
            self.clean.transpose(0, 1),
            compute_mode="donot_use_mm_for_euclid_dist",  # which is the same for any batch
        )
        apart = (apart / spread.clamp(min=SMALLEST)[:, None, None]).mean(0)
        return apart.topk(self.most, largest=False).values.mean(1)
