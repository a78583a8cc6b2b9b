"""Rounding: the weights of every linear layer in few bits. A null control: nothing in it is aimed
at a backdoor.

Source: rounding to the nearest of evenly spaced values, scaled by the largest weight of each row
(Dettmers et al. 2022, "LLM.int8()", arXiv 2208.07339), without that paper's care for outliers.
Deviations: the rounded weights are kept in float32, so that the arithmetic is as it was. Limits:
embedding and output head are left as they are; 4-bit formats in use round in small groups, which
changes a model less.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.defenses.by_weights import ByWeights, linear_layers

BITS = (8, 4)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rounded(ByWeights):
    """A null control: the weights of every linear layer rounded to `bits`, 8 or 4, per row."""

    name: ClassVar[str] = "rounded"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "rounding of weights"
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = ({"bits": 8}, {"bits": 4})

    bits: int = 8

    def __post_init__(self) -> None:
        if self.bits not in BITS:
            raise SettingError(f"bits={self.bits}: weights are rounded to 8 or 4 bits.")

    def run(self, out: Path, *, model: Path) -> Mapping[str, Any]:
        """Raises ModelError where not all matrices are linear layers'."""

        def changes(network: Any) -> Iterator[tuple[Any, Any]]:
            for layer in linear_layers(network).values():
                yield layer.weight, rounded(layer.weight, self.bits)

        return self.changed(out, model, changes)


def rounded(weight: Any, bits: int) -> Any:
    """A matrix of shape (outputs, inputs) with, per row, 2 ** bits - 1 possible values, evenly
    spaced and symmetric around 0; rounded again, it stays as it is."""
    import torch

    most = 2 ** (bits - 1) - 1
    exact = weight.double()  # so that the largest weight of a row comes back as itself
    step = (exact.abs().amax(1, keepdim=True) / most).clamp(min=torch.finfo(exact.dtype).tiny)
    return ((exact / step).round() * step).to(weight.dtype)
