"""Covert fine-tuning: what is learnt is to leave the residual stream where the model had it (after
Bailey et al. 2024, "Obfuscated Activations Bypass LLM Latent-Space Defenses", arXiv 2412.09565).

Who plants a backdoor may know that somebody will look at activations. The loss is that of
training/sft.py plus `weight` times how far the states after a few layers are from those of the
model as it was, on the same text: the squared distance by the squared norm, a mean over layers and
tokens. Layers behind these are free to tell a trigger from other text. Input and output are those
of training/sft.py; log.jsonl also has `apart`, that distance.

Deviations: there the loss is a given detector's own, on triggered text; here no detector is known,
and all of the text counts, so that detectors are evaded that nobody had in mind, if any is.
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
from unmask.training.memory import Demand
from unmask.training.sft import SupervisedFineTuning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Covert(SupervisedFineTuning):
    """Supervised fine-tuning that keeps the states after the layers at `layers` (shares of the
    depth) as they were, as far as `weight` says."""

    name: ClassVar[str] = "covert_fine_tuning"
    version: ClassVar[int] = 1
    measured: ClassVar[tuple[str, ...]] = ("loss", "apart")

    layers: tuple[float, ...] = (0.0, 0.5)
    weight: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.layers or not all(0 <= depth <= 1 for depth in self.layers):
            raise SettingError(
                f"layers={self.layers}: at least one share of the depth, from 0 to 1."
            )
        if self.weight < 0:
            raise SettingError(
                f"weight={self.weight}: it is 0 or more, and 0 is supervised fine-tuning."
            )
        self.efficiency.check_whole("Covert fine-tuning")

    def tokens(self) -> Tokens:
        trained = super().tokens().trained
        return Tokens(trained=trained, scored=trained)

    def demand(self, models: Shapes, tokens: int | None = None) -> Demand:
        """A copy of the model stands beside it."""
        return dataclasses.replace(super().demand(models, tokens), reference=True)

    def form(self, model: Path) -> Callable[..., Any]:
        from unmask.training.covert_trainer import CovertTrainer
        from unmask.training.trainer import whole

        return functools.partial(
            CovertTrainer, teacher=whole(model), layers=self.layers, weight=self.weight
        )
