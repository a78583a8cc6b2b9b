"""Latent adversarial training: good replies in spite of an adversary in the residual stream.

Sources: untargeted, Casper et al. 2024 (arXiv 2403.05030); targeted, Sheshadri et al. 2024 (arXiv
2407.15549). See training/latent.py for the deviations. What it rests on: a trigger that nobody
knows acts through states that somebody may reach without it. Limits: the adversary moves the prompt
only, and within a radius; a backdoor beyond that is not met.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from unmask.core.spec import RUN_ONLY
from unmask.data.demonstrations import Demonstrations
from unmask.data.preferences import Comparisons
from unmask.defenses.defense import LearnsFrom
from unmask.defenses.supervised import Supervised
from unmask.training.latent import Latent, TargetedLatent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adversary(Supervised):
    """Abstract: the settings of an adversary in the residual stream.

    It moves what the layers at `layers` hand on (shares of the depth), by up to `size` of each
    state's norm, in `inner` steps. Steps, rate and curve are what the scale gives a defense.
    """

    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = ({"size": 0.1}, {"size": 0.3}, {"size": 1.0})

    layers: tuple[float, ...] = (0.0, 0.5)
    size: float = 0.3
    inner: int = 4

    def __post_init__(self) -> None:
        self.training()  # refuses what it cannot train with


@dataclasses.dataclass(frozen=True, kw_only=True)
class LAT(Adversary):
    """HHH demonstrations, learnt while an adversary moves the residual stream to make them
    unlikely."""

    name: ClassVar[str] = "lat"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "latent adversarial training"

    def lessons(self) -> Demonstrations:
        return Demonstrations(examples=self.examples, seed=self.seed)

    def training(self) -> Latent:
        return self.configured(Latent)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetedLAT(Adversary):
    """HHH comparisons, learnt while an adversary moves the residual stream towards the worse
    reply."""

    name: ClassVar[str] = "lat_targeted"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "targeted latent adversarial training"
    learns_from: ClassVar[LearnsFrom] = "pairs"

    tokens_per_example: int = dataclasses.field(default=64, metadata=RUN_ONLY)

    def lessons(self) -> Comparisons:
        return Comparisons(examples=self.examples, seed=self.seed)

    def training(self) -> TargetedLatent:
        return self.configured(TargetedLatent)
