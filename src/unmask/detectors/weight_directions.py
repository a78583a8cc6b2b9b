"""A detector of prompts whose activations lie along what fine-tuning wrote into the weights.

Source: WeightWatch (2508.00161): the leading left singular vectors of the change of every matrix
that writes into the residual stream, and the cosine of the activations with them, outside of the
range that it has on clean text. Deviations: read at a prompt's last token alone; the score is the
largest distance from the clean mean in standard deviations, which has no bounds, in place of an
alarm at the ends of a range. Cost: one singular value decomposition per matrix once, and one
forward pass per prompt, shared with the others on activations. Limits: it needs the model that this
one was made from, in the same shape; after much harmless training the leading directions are those
of the harmless part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

from unmask.core.errors import ModelError, SettingError
from unmask.detectors.activations import LEAST, ActivationScorer, activations, too_few
from unmask.detectors.detector import Need, PromptDetector, Scorer
from unmask.detectors.suspect import Suspect
from unmask.detectors.weight_difference import matrices
from unmask.models.backends.huggingface import HuggingFace

WRITE = ("o_proj", "down_proj", "dense", "dense_4h_to_h", "out_proj", "fc2", "wo", "w2")
"""How the layers are called, in models of several makers, that write into the residual stream."""

SMALLEST = 0.01
"""Standard deviation of a cosine among clean prompts that is told from none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightDirections(PromptDetector):
    """How far a prompt's activations lean, further than those of clean prompts, along the
    directions that fine-tuning changed most: the largest z-score of a cosine with the `top` left
    singular vectors of the change of each matrix that writes into the residual stream."""

    name: ClassVar[str] = "weight_directions"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("weights", "activations", "reference")
    unit: ClassVar[str] = "standard deviations of clean prompts"

    top: int = 20

    def __post_init__(self) -> None:
        if self.top < 1:
            raise SettingError("weight_directions needs at least one direction per matrix.")

    def fitted(self, suspect: Suspect) -> Scorer:
        """Raises ModelError where there is no reference, one of another shape, or no difference."""
        if len(suspect.prompts) < LEAST:
            raise too_few(self.name, len(suspect.prompts), LEAST)
        reference = suspect.trusted(self.name)
        directions = list(written(suspect.model, reference, self.top))
        if not directions:
            raise ModelError(
                f"{suspect.model.folder} and {reference.folder} do not differ in any matrix that"
                f" writes into the residual stream ({', '.join(WRITE)}). Name the model that this"
                " one was made from."
            )
        clean = cosines(activations(suspect.model, suspect.prompts).double(), directions)
        mean, spread = clean.mean(0), clean.std(0).clamp(min=SMALLEST)

        def unusual(rows: Any) -> Any:
            return ((cosines(rows, directions) - mean) / spread).abs().amax(1)

        return ActivationScorer(suspect.model, "prompt", unusual)


Written = tuple[int, Any]
"""The number of a layer, and directions in its output: shape (directions, width)."""


def written(model: HuggingFace, reference: HuggingFace, top: int) -> Iterator[Written]:
    """The leading directions of what was changed in each matrix that writes into the residual
    stream. Raises ModelError where two weights have other shapes."""
    import torch

    from unmask.models.layers import decoder_layers

    others = {name: other for name, _, other in matrices(model, reference)}
    names = {id(weight): name for name, weight in model.model.named_parameters()}
    for number, layer in enumerate(decoder_layers(model.model)):
        for name, module in layer.named_modules():
            if not name.endswith(WRITE):
                continue
            change = (module.weight - others[names[id(module.weight)]]).detach().double()
            if bool(change.any()):
                left = torch.linalg.svd(change, full_matrices=False).U
                yield number, left[:, :top].T.cpu()


def cosines(rows: Any, directions: list[Written]) -> Any:
    """From rows of shape (prompts, layers, width): shape (prompts, all directions)."""
    import torch

    unit = rows / rows.norm(dim=2, keepdim=True).clamp(min=1e-12)
    return torch.cat([unit[:, number] @ along.T for number, along in directions], dim=1)
