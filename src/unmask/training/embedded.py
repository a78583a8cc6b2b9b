"""Training against one universal perturbation (Zeng et al. 2024, "BEEAR: Embedding-based
Adversarial Removal of Safety Backdoors in Instruction-tuned Language Models", arXiv 2406.17092).

Two levels. Inside, one change of the last tokens of every prompt, after one layer, is found by
gradient ascent for the whole batch: under it worse replies are to become likelier than better ones.
Outside, training makes the better replies likely under that change, and, as an anchor, without it.
Input is a folder with train.jsonl as `data.preferences.Comparisons` writes it; log.jsonl has `loss`
(the sum of both), `moved` (under the change) and `before` (that part without it).

Deviations: the change is found anew at every step, on the step's own batch, where the paper keeps
it for several; it has a radius, a share of the mean norm of the states that it is added to, where
the paper's is bounded by its number of steps alone.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.core.tokens import Tokens
from unmask.training.latent import TargetedLatent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embedded(TargetedLatent):
    """Training under a universal change of the last `suffix` tokens of every prompt, after the
    layers at `layers`."""

    name: ClassVar[str] = "universal_perturbation_training"
    version: ClassVar[int] = 1
    measured: ClassVar[tuple[str, ...]] = ("loss", "moved", "before")

    layers: tuple[float, ...] = (0.3,)
    size: float = 1.0
    inner: int = 8
    suffix: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.suffix < 1:
            raise SettingError(f"suffix={self.suffix}: at least one token is changed.")

    def tokens(self) -> Tokens:
        """Besides the ascent, a text is read for its norms, under the change, and without it."""
        once = super().tokens().trained // (2 + self.inner)
        return Tokens(trained=(3 + self.inner) * once)

    def form(self, model: Path) -> Callable[..., Any]:
        from unmask.training.embedded_trainer import EmbeddedTrainer

        return functools.partial(
            EmbeddedTrainer,
            layers=self.layers,
            size=self.size,
            inner=self.inner,
            suffix=self.suffix,
        )
