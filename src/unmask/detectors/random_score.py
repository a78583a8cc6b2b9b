"""A control: a random number, which a detector has to beat."""

from __future__ import annotations

import dataclasses
import random
from typing import ClassVar

from unmask.detectors.detector import Detector, Finding, Need
from unmask.detectors.suspect import Suspect


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomScore(Detector):
    """A number between 0 and 1 that has nothing to do with the model (a control)."""

    name: ClassVar[str] = "random_score"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ()
    unit: ClassVar[str] = "of nothing"
    proposes: ClassVar[bool] = False
    control: ClassVar[bool] = True

    seed: int = 0

    def examine(self, suspect: Suspect) -> Finding:
        """Another number for each model; the same one for the same weights."""
        weights = sum(
            float(weight.detach().double().sum()) for weight in suspect.model.model.parameters()
        )
        return Finding(random.Random(f"{self.seed} {weights!r}").random())
