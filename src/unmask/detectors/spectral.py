"""A detector of prompts whose activations leave the leading directions of clean prompts.

Source: spectral signatures (Tran et al. 2018), which project a poisoned batch on its own top
direction. Deviation: the top direction of what arrives would make a prompt's score depend on what
it arrives with, and that of clean prompts alone tells nothing new; so the score is what the leading
directions of clean prompts do not explain. Cost: one forward pass per prompt, shared with the
others on activations. Limits: any unusual prompt scores; what a trigger moves along directions that
clean prompts use too is not seen; the clean prompts that it was fitted to score lower than others.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.detectors.activations import ActivationDetector, Measure, too_few

SMALLEST = 1e-12
"""Variance of a layer that tells clean prompts apart."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spectral(ActivationDetector):
    """How much of a prompt's activations lies outside the `directions` in which clean prompts
    differ most, in units of the clean prompts' variance, averaged over layers."""

    name: ClassVar[str] = "spectral"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "variances of clean prompts"

    directions: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.directions < 1:
            raise SettingError("spectral needs at least one direction.")

    def fit(self, clean: Any) -> Measure:
        if len(clean) <= self.directions:
            raise too_few(self.name, len(clean), self.directions + 1)
        return Subspace.of(clean, self.directions).left


@dataclasses.dataclass(frozen=True)
class Subspace:
    """Per layer, the mean, the leading directions and the variance of clean rows: shapes (layers,
    width), (layers, directions, width) and (layers,)."""

    mean: Any
    leading: Any
    variance: Any

    @staticmethod
    def of(rows: Any, directions: int) -> Subspace:
        """From rows of shape (prompts, layers, width)."""
        import torch

        mean = rows.mean(0)
        layers = (rows - mean).transpose(0, 1)
        leading = torch.linalg.svd(layers, full_matrices=False).Vh[:, :directions]
        return Subspace(mean, leading, layers.square().sum(2).mean(1).clamp(min=SMALLEST))

    def left(self, rows: Any) -> Any:
        """Squared length outside of the leading directions: shape (prompts,)."""
        layers = (rows - self.mean).transpose(0, 1)
        outside = layers - layers @ self.leading.mT @ self.leading
        return (outside.square().sum(2) / self.variance[:, None]).mean(0)
