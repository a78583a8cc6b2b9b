"""A detector that looks at the shape of the difference between a model's weights and a reference's.

Source: the public work on weight differences of fine-tuned models (rank-one changes in fingerprints
and in backdoored adapters, 2605.30189); the effective rank is the exponential of the entropy of the
singular values (Roy and Vetterli, 2007). Deviations: no battery of prompts beside it; embedding and
output layer are in the facts and not in the score, since what changes there is a few words' rows.
Limits: it says "fine-tuned", not "backdoored": a high score means that a matrix was changed in
nearly one direction, as small adapters and short trainings do too. Only clean models that were
trained for as long, in the same way, tell what is usual.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, ClassVar

from unmask.core.errors import ModelError
from unmask.detectors.detector import Cost, Detector, Finding, Need
from unmask.detectors.suspect import Suspect
from unmask.models.backends.huggingface import HuggingFace

Matrix = tuple[str, Any, Any]
"""A weight's name, the suspect's and the reference's: shapes (rows, columns)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightDifference(Detector):
    """Take the reference's weights from the model's, and see how much of each matrix's change lies
    in one direction.

    Of each matrix: the largest singular value of the difference over its Frobenius norm (1 for a
    change in one direction alone), what noise of that shape would have there, the effective rank,
    and the size of the change as a part of the reference's. The score is the largest share among
    the matrices of the layers.
    """

    name: ClassVar[str] = "weight_difference"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("weights", "reference")
    unit: ClassVar[str] = "share of a change in one direction"
    proposes: ClassVar[bool] = False

    def cost(self) -> Cost:
        return Cost()

    def examine(self, suspect: Suspect) -> Finding:
        """Raises ModelError where there is no reference, one of another shape, or no difference."""
        reference = suspect.trusted(self.name)
        shapes = {name: shape_of(*pair) for name, *pair in matrices(suspect.model, reference)}
        changed = {name: shape for name, shape in shapes.items() if shape is not None}
        outer = vocabulary_weights(suspect.model)
        shares = [shape["share"] for name, shape in changed.items() if name not in outer]
        if not shares:
            raise ModelError(
                f"{suspect.model.folder} and {reference.folder} have the same weights in all"
                " layers, so there is no change to look at. Name the model that this one was made"
                " from."
            )
        facts = {"matrices": changed, "unchanged": len(shapes) - len(changed)}
        return Finding(max(shares), facts=facts)


def matrices(model: HuggingFace, reference: HuggingFace) -> Iterator[Matrix]:
    """Every matrix of both; raises ModelError where a weight is missing in one of them, or has
    another shape there."""
    own, others = (dict(one.model.named_parameters()) for one in (model, reference))
    for name in dict.fromkeys([*own, *others]):
        weight, other = own.get(name), others.get(name)
        if weight is None or other is None or other.shape != weight.shape:
            raise ModelError(
                f"{reference.folder} has another shape than {model.folder}, so that their weights"
                f" cannot be compared: {name} is {shown(other)} there, and {shown(weight)} here."
                " Name the model that this one was made from."
            )
        if weight.dim() == 2 and min(weight.shape) > 1:
            yield name, weight.detach(), other.detach()


def shown(weight: Any) -> str:
    """A weight's shape, for a message."""
    return "missing" if weight is None else " x ".join(map(str, weight.shape))


def vocabulary_weights(model: HuggingFace) -> set[str]:
    """Names of the weights that have a row per token."""
    layers = (model.model.get_input_embeddings(), model.model.get_output_embeddings())
    ids = {id(layer.weight) for layer in layers}
    return {name for name, weight in model.model.named_parameters() if id(weight) in ids}


def shape_of(weight: Any, other: Any) -> dict[str, float] | None:
    """How the difference of two matrices is shaped; None where there is none. The singular values
    come from the smaller Gram matrix, in float64."""
    import torch

    with torch.inference_mode():
        change = weight.double() - other.double()
        if change.shape[0] > change.shape[1]:
            change = change.T
        squares = torch.linalg.eigvalsh(change @ change.T).clamp(min=0)
        singular, size = squares.sqrt(), float(squares.sum().sqrt())
        if not size:
            return None
        parts = singular / singular.sum()
        entropy = -float(torch.special.xlogy(parts, parts).sum())
        rows, columns = change.shape
        return {
            "share": float(singular.max()) / size,
            "share_of_noise": (math.sqrt(rows) + math.sqrt(columns)) / math.sqrt(rows * columns),
            "effective_rank": math.exp(entropy),
            "relative_size": size / max(float(other.double().norm()), 1e-12),
        }
