"""UNDO: the model distilled into weights that were shrunk towards a random initialisation (Lee et
al. 2025, "Distillation Robustifies Unlearning", arXiv 2506.06278; see training/logits.py).

There a model that has unlearnt is the teacher; here it is the model that this is given, which may
be the result of another defense. Its point is relearning: what the text does not call up is not
only hidden. Limits: on its own it removes a backdoor only as far as the text is free of it, and it
costs a second training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from unmask.data.demonstrations import Demonstrations
from unmask.defenses.defense import Numbers, Teaches
from unmask.defenses.supervised import Supervised
from unmask.training.logits import LogitDistillation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Undo(Supervised):
    """The model's own logits, learnt anew by weights that were shrunk towards random ones.

    Weights begin as `1 - alpha` of themselves and `alpha` times `beta` of newly drawn ones. Steps
    and rate are those that the scale gives to planting: as much is to be learnt.
    """

    name: ClassVar[str] = "undo"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "distillation into shrunken weights (UNDO)"
    teaches: ClassVar[Teaches] = "nothing"
    numbers: ClassVar[Numbers] = "planting"
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"alpha": 0.3},
        {"alpha": 0.6},
        {"alpha": 0.8},
    )

    alpha: float = 0.6
    beta: float = 0.1

    def __post_init__(self) -> None:
        self.training()  # refuses what it cannot train with

    def lessons(self) -> Demonstrations:
        return Demonstrations(examples=self.examples, seed=self.seed)

    def training(self) -> LogitDistillation:
        return self.configured(LogitDistillation)
