"""Distilling logits into shrunken weights: unlearn, noise, distil on outputs (Lee et al. 2025,
"Distillation Robustifies Unlearning", arXiv 2506.06278).

The weights begin nearer to a random initialisation, `1 - alpha` of themselves and `alpha` times
`beta` of a new one, and learn what the model as it was predicts for each token of ordinary text:
the loss is the KL divergence from its distribution. What that text does not call up does not come
back. Input and output are those of training/sft.py; the loss is on prompts too.

Deviations: only matrices are shrunk, and the new ones are drawn as the architecture initialises
itself; gains of norms, of which an architecture has few, stay.
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
from unmask.training.sft import LossOn, SupervisedFineTuning


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogitDistillation(SupervisedFineTuning):
    """A model distilled into a shrunken copy of itself."""

    name: ClassVar[str] = "logit_distillation"
    version: ClassVar[int] = 1

    alpha: float = 0.6
    beta: float = 0.1
    loss_on: LossOn = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.alpha <= 1 and self.beta >= 0):
            raise SettingError(
                f"alpha={self.alpha}, beta={self.beta}: alpha is a share, from 0 to 1, and beta is"
                " 0 or more."
            )
        self.efficiency.check_whole("Distilling into shrunken weights")

    def tokens(self) -> Tokens:
        trained = super().tokens().trained
        return Tokens(trained=trained, scored=trained)

    def demand(self, models: Shapes, tokens: int | None = None) -> Demand:
        """A copy of the model stands beside it."""
        return dataclasses.replace(super().demand(models, tokens), reference=True)

    def begun(self, network: Any) -> None:
        """Shrink the weights; raises nothing. A training that goes on replaces them again."""
        import torch

        other = initialised(network.config, self.seed)
        with torch.no_grad():
            for weight, new in zip(network.parameters(), other.parameters(), strict=True):
                if weight.dim() > 1:
                    weight.lerp_(self.beta * new.to(weight), self.alpha)

    def form(self, model: Path) -> Callable[..., Any]:
        from unmask.training.logits_trainer import LogitsTrainer
        from unmask.training.trainer import whole

        return functools.partial(LogitsTrainer, teacher=whole(model))


def initialised(config: Any, seed: int) -> Any:
    """A network of this architecture with weights that were just drawn, in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
