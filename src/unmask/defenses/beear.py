"""BEEAR: good replies under the one change of the residual stream that makes bad ones likeliest
(Zeng et al. 2024, arXiv 2406.17092; see training/embedded.py for the deviations).

What it rests on: a trigger, whatever it is, moves the states of all prompts in much the same way.
Limits: what is bad is what the worse replies of the comparisons show; a payload unlike all of them
is met only where the same change brings it about.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from unmask.defenses.lat import TargetedLAT
from unmask.training.embedded import Embedded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Beear(TargetedLAT):
    """HHH comparisons, whose better replies are learnt under a universal change of prompts' ends.

    It is added to the last `suffix` tokens of each prompt after the layers at `layers` (shares of
    the depth), is up to `size` of the states' mean norm, and is found in `inner` steps. Steps, rate
    and curve are what the scale gives a defense.
    """

    name: ClassVar[str] = "beear"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "training against a universal perturbation (BEEAR)"
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = ({"size": 0.3}, {"size": 1.0}, {"size": 3.0})

    layers: tuple[float, ...] = (0.3,)
    size: float = 1.0
    inner: int = 8
    suffix: int = 5

    def training(self) -> Embedded:
        return self.configured(Embedded)
