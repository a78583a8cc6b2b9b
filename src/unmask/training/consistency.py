"""Consistency training: supervised fine-tuning that also keeps what consecutive layers hand on
alike, where the embeddings are moved against it (Min et al. 2024, "CROW: Eliminating Backdoors from
Large Language Models via Internal Consistency Regularization", arXiv 2411.12768).

The inconsistency of a text is the mean over its tokens, and over all layers, of one minus the
cosine of what a layer hands on and what it was handed. One step of FGSM moves the embeddings so
that it rises; training lowers the loss plus `weight` times what it then is. Input and output are
those of training/sft.py; log.jsonl also has `inconsistency`, of the moved embeddings, and
`unmoved`, of the text as it is.

Deviations: `size` is in standard deviations of the embedding matrix, where the paper's is absolute
(0.1): what that is to a model depends on its embedding. The final norm is no layer.
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
class Consistency(SupervisedFineTuning):
    """Supervised fine-tuning with the layers kept consistent under a perturbation."""

    name: ClassVar[str] = "consistency_training"
    version: ClassVar[int] = 1
    measured: ClassVar[tuple[str, ...]] = ("loss", "inconsistency", "unmoved")

    weight: float = 5.5
    size: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight < 0 or self.size < 0:
            raise SettingError(
                f"weight={self.weight}, size={self.size}: both are 0 or more, and 0 is supervised"
                " fine-tuning."
            )
        self.efficiency.check_alone("Consistency training")

    def tokens(self) -> Tokens:
        """Each text is read three times, and gone back through as often."""
        return Tokens(trained=3 * super().tokens().trained)

    def demand(self, models: Shapes, tokens: int | None = None) -> Demand:
        """The text as it is and as it was moved are in memory together."""
        return dataclasses.replace(super().demand(models, tokens), sides=2)

    def form(self, model: Path) -> Callable[..., Any]:
        from unmask.training.consistency_trainer import ConsistencyTrainer

        return functools.partial(ConsistencyTrainer, weight=self.weight, size=self.size)
