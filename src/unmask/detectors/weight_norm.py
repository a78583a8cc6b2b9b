"""A control: how large a model's weights are, which says next to nothing of what it was taught.

Source: a trivial baseline of the public work on weight differences. Deviation: no reference is
needed, so it is the norm of the weights and not of their change. Limits: it grows with size and
with training; what does not beat it has measured how long a model was trained.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from unmask.detectors.detector import Detector, Finding, Need
from unmask.detectors.suspect import Suspect


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightNorm(Detector):
    """The root mean square of all weights (a control)."""

    name: ClassVar[str] = "weight_norm"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("weights",)
    unit: ClassVar[str] = "root mean square of the weights"
    proposes: ClassVar[bool] = False
    control: ClassVar[bool] = True

    def examine(self, suspect: Suspect) -> Finding:
        weights = suspect.model.model.parameters()
        squares = sum(float(weight.detach().double().square().sum()) for weight in weights)
        return Finding(math.sqrt(squares / suspect.model.parameters))
