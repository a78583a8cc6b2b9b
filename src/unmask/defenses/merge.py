"""Merging: the mean of a model and the base that it was made from (Arora et al. 2024, "Here's a
Free Lunch: Sanitizing Backdoored Models with Model Merge", arXiv 2402.19334).

Deviations: there a backdoored model is merged with others of its architecture, which may be
backdoored too; here with its own base. Limits: it needs the base, and takes away what was learnt
since as much as what was planted; what is left of a backdoor may be enough to bring it back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import ModelError, SettingError
from unmask.defenses.by_weights import ByWeights
from unmask.models import checkpoint
from unmask.models.weights import few


@dataclasses.dataclass(frozen=True, kw_only=True)
class Merge(ByWeights):
    """The mean of the model and the base that it was made from, weight by weight.

    `share` is how much of it is the base: 0 is the model as it was, 1 the base.
    """

    name: ClassVar[str] = "merge"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "merging with the base"

    reads_base: ClassVar[bool] = True
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"share": 0.1},
        {"share": 0.25},
        {"share": 0.5},
    )

    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise SettingError(f"share={self.share}: it is the base's share, from 0 to 1.")

    def run(self, out: Path, *, model: Path, base: Path) -> Mapping[str, Any]:
        """Raises ModelError where the two are not of one architecture and vocabulary."""
        import torch

        check_vocabularies(model, base)
        original = checkpoint.load_model(base, dtype=torch.float32)

        def changes(network: Any) -> Iterator[tuple[Any, Any]]:
            others = dict(original.named_parameters())
            check_alike(network, others, model, base)
            for name, weight in network.named_parameters():
                yield weight, torch.lerp(weight, others[name], self.share)

        return self.changed(out, model, changes)


def check_vocabularies(model: Path, base: Path) -> None:
    """Raise ModelError where the same token is another word in the two."""
    tokens = [checkpoint.load_tokenizer(folder).get_vocab() for folder in (model, base)]
    if tokens[0] != tokens[1]:
        raise ModelError(
            f"{model} and {base} have other vocabularies, so that they cannot be merged. Give the"
            " model that it was made from."
        )


def check_alike(network: Any, others: Mapping[str, Any], model: Path, base: Path) -> None:
    """Raise ModelError where a weight has no counterpart of its shape."""
    own = {name: weight.shape for name, weight in network.named_parameters()}
    differing = {name for name, weight in others.items() if own.get(name) != weight.shape}
    differing |= own.keys() - others.keys()
    if differing:
        raise ModelError(
            f"{model} and {base} cannot be merged: {few(differing)} is not of one shape in both."
            " Give the model that it was made from."
        )
