"""Noise: random numbers added to the weights of every linear layer. A null control: nothing in it
is aimed at a backdoor.

Source: Tice et al. 2024, "Noise Injection Reveals Hidden Capabilities of Sandbagging Language
Models" (arXiv 2412.01784), which looks for what a model hides this way. Deviations: one draw,
scaled by each matrix's own spread; there many draws, of several sizes. Limits: embedding and output
head are left as they are; another `seed` may come out otherwise.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.defenses.by_weights import ByWeights, linear_layers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noised(ByWeights):
    """A null control: Gaussian noise on the weights of every linear layer.

    `size` is the noise's standard deviation as a multiple of that of the matrix it is added to.
    """

    name: ClassVar[str] = "noised"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "noise on weights"
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = ({"size": 0.1}, {"size": 0.25}, {"size": 0.5})

    size: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.size < math.inf:
            raise SettingError(f"size={self.size}: noise has a size of 0 or more.")

    def run(self, out: Path, *, model: Path) -> Mapping[str, Any]:
        """Raises ModelError where not all matrices are linear layers'."""

        def changes(network: Any) -> Iterator[tuple[Any, Any]]:
            for layer, noise in directions(network, self.seed):
                weight = layer.weight
                yield weight, weight + self.size * weight.std(correction=0) * noise

        return self.changed(out, model, changes)


def directions(network: Any, seed: int) -> Iterator[tuple[Any, Any]]:
    """Every linear layer of a network, and standard Gaussian numbers in the shape of its weight."""
    import torch

    drawn = torch.Generator().manual_seed(seed)  # on the CPU: the same on every machine
    for layer in linear_layers(network).values():
        noise = torch.randn(layer.weight.shape, generator=drawn)
        yield layer, noise.to(layer.weight.device)
