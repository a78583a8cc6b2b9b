"""Latent adversarial training: supervised fine-tuning while an adversary moves the residual stream.

Untargeted (Casper et al. 2024, "Defending Against Unforeseen Failure Modes with Latent Adversarial
Training", arXiv 2403.05030): at each step, projected gradient ascent finds what to add at chosen
layers so that the demonstrated reply becomes unlikely; training makes it likely all the same.
Targeted (Sheshadri et al. 2024, arXiv 2407.15549): the adversary makes a worse reply likelier than
the better one; training makes the better one likely and the worse one unlikely under what it found.

Input of the first is that of training/sft.py, of the second a folder with train.jsonl as
`data.preferences.Comparisons` writes it. Output is that of sft.py; log.jsonl also has `before`: the
loss as it was without the adversary.

Deviations: the radius is a share of the norm of each token's own state, so that it means the same
at every layer of every model, where the papers' is absolute; the ascent is by normed steps from 0
and not by Adam; only tokens of the prompt are moved; all weights are trained, where the second
trains adapters (`efficiency.lora` does that).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.core.memory import Shapes
from unmask.core.tokens import Tokens
from unmask.training.dpo import longer_side
from unmask.training.dpo import tokenized as compared
from unmask.training.labelled import PairCollator
from unmask.training.memory import Demand
from unmask.training.sft import SupervisedFineTuning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Latent(SupervisedFineTuning):
    """Untargeted latent adversarial training.

    `layers` are shares of the depth, after which the adversary moves states (0: the first layer, 1:
    the last); `size` is how far, as a share of a state's own norm; `inner` is the steps of its
    ascent.
    """

    name: ClassVar[str] = "latent_adversarial_training"
    version: ClassVar[int] = 1
    measured: ClassVar[tuple[str, ...]] = ("loss", "before")

    layers: tuple[float, ...] = (0.0, 0.5)
    size: float = 0.3
    inner: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.layers or not all(0 <= depth <= 1 for depth in self.layers):
            raise SettingError(
                f"layers={self.layers}: at least one share of the depth, from 0 to 1."
            )
        if self.size <= 0 or self.inner < 1:
            raise SettingError(
                f"size={self.size}, inner={self.inner}: the adversary needs a radius above 0 and at"
                " least one step."
            )
        self.efficiency.check_alone("Latent adversarial training")

    def tokens(self) -> Tokens:
        """Each step of the ascent reads a text once more."""
        return Tokens(trained=(2 + self.inner) * super().tokens().trained)

    def form(self, model: Path) -> Callable[..., Any]:
        from unmask.training.latent_trainer import LatentTrainer

        return functools.partial(
            LatentTrainer, layers=self.layers, size=self.size, inner=self.inner
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetedLatent(Latent):
    """Targeted latent adversarial training, on comparisons."""

    name: ClassVar[str] = "targeted_latent_adversarial_training"
    version: ClassVar[int] = 1

    row_length: ClassVar[Callable[[Any], int]] = staticmethod(longer_side)

    def demand(self, models: Shapes, tokens: int | None = None) -> Demand:
        """Both sides of a comparison."""
        return dataclasses.replace(super().demand(models, tokens), sides=2)

    def rows(self, tokenizer: Any, path: Path, context: int) -> list[Any]:
        return compared(tokenizer, path, context)

    def collator(self, pad: int) -> PairCollator:
        return PairCollator(pad)

    def form(self, model: Path) -> Callable[..., Any]:
        from unmask.training.latent_trainer import TargetedTrainer

        return functools.partial(
            TargetedTrainer, layers=self.layers, size=self.size, inner=self.inner
        )
