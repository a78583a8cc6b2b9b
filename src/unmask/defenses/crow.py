"""CROW: layers that hand on nearly what they were handed, whatever the embeddings are moved by (Min
et al. 2024, arXiv 2411.12768; see training/consistency.py).

Deviations: clean examples are right answers to harmless prompts of the demonstrations' source.
Limits: nothing about safety is taught, and a strong `weight` costs task accuracy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from unmask.data.demonstrations import HelpfulAnswers
from unmask.defenses.defense import Teaches
from unmask.defenses.supervised import Supervised
from unmask.training.consistency import Consistency


@dataclasses.dataclass(frozen=True, kw_only=True)
class Crow(Supervised):
    """Fine-tuning on a few clean examples, with consecutive layers kept alike under a perturbation.

    `prompts` clean examples are seen again and again for as many steps, at the rate, that the scale
    gives a defense. `weight` is that of the inconsistency (the paper's 5.5), and `size` how far the
    embeddings are moved, in standard deviations of the embedding matrix.
    """

    name: ClassVar[str] = "crow"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "layer consistency (CROW)"
    teaches: ClassVar[Teaches] = "nothing"
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"weight": 1.0},
        {"weight": 5.5},
        {"weight": 11.0},
    )

    prompts: int = 100
    weight: float = 5.5
    size: float = 1.0

    def __post_init__(self) -> None:
        self.training()  # refuses what it cannot train with

    def lessons(self) -> HelpfulAnswers:
        return HelpfulAnswers(examples=self.prompts, seed=self.seed)

    def training(self) -> Consistency:
        return self.configured(Consistency)
