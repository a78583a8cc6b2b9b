"""A detector of prompts whose activations lie far from those of clean prompts.

Source: the Mahalanobis baseline of mechanistic anomaly detection (the public library cupbearer;
"no detector is effective across all models and tasks", 2504.08812). Deviations: the mean over all
layers; the covariance is shrunk towards a multiple of the identity instead of inverted on its large
directions alone. Cost: one forward pass per prompt, shared with the others on activations, and one
matrix of width x width per layer. Limits: any unusual prompt scores; published models were trained
not to show here (2412.09565); the clean prompts that it was fitted to score lower than others.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.detectors.activations import ActivationDetector, Measure

SMALLEST = 1e-12
"""Variance of a layer that tells clean prompts apart; one that does not would divide by nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mahalanobis(ActivationDetector):
    """The squared Mahalanobis distance of a prompt's activations from those of clean prompts, per
    dimension, averaged over layers."""

    name: ClassVar[str] = "mahalanobis"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "squared distance per dimension"

    shrinkage: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.shrinkage <= 1:
            raise SettingError("mahalanobis needs a shrinkage above 0 and at most 1.")

    def fit(self, clean: Any) -> Measure:
        return Gaussian.of(clean, self.shrinkage).distances


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """One normal distribution per layer: `mean` of shape (layers, width), `precision` of shape
    (layers, width, width)."""

    mean: Any
    precision: Any

    @staticmethod
    def of(rows: Any, shrinkage: float) -> Gaussian:
        """From rows of shape (prompts, layers, width), in float64."""
        import torch

        mean = rows.mean(0)
        layers = (rows - mean).transpose(0, 1)
        covariance = layers.mT @ layers / (len(rows) - 1)
        scale = covariance.diagonal(dim1=1, dim2=2).mean(1).clamp(min=SMALLEST)
        round_one = scale[:, None, None] * torch.eye(rows.shape[2], dtype=rows.dtype)
        return Gaussian(
            mean, torch.linalg.inv((1 - shrinkage) * covariance + shrinkage * round_one)
        )

    def distances(self, rows: Any) -> Any:
        """The squared distance per dimension of each row, averaged over layers: shape (prompts,)"""
        layers = (rows - self.mean).transpose(0, 1)
        return ((layers @ self.precision) * layers).mean(2).mean(0)
