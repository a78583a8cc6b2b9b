"""A detector of prompts at which a model's layers come to their next token at an unusual depth.

Source: the layerwise convergence fingerprint (2604.24542), without a reference and with a few
hundred clean prompts; the logit lens (nostalgebraist, 2020). Deviation: the fingerprint is how far
each layer's own next-token distribution is from the last one's, and not the change of the residual
stream from layer to layer; a distance with all correlations in place of a diagonal one that is
aggregated afterwards. Cost: one forward pass per prompt, shared with the others on activations, and
the output layer once per layer. Limits: 12 to 16% of clean prompts were flagged in the source; with
two or three layers there is hardly a depth to speak of.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from unmask.core.errors import ModelError, SettingError
from unmask.detectors.activations import (
    LEAST,
    ActivationScorer,
    activations,
    at,
    too_few,
)
from unmask.detectors.detector import Need, PromptDetector, Scorer
from unmask.detectors.mahalanobis import Gaussian
from unmask.detectors.suspect import Suspect
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace

CLOSE = 0.05
"""How far log-probabilities of the lens and of the model may be apart, in nats."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerConvergence(PromptDetector):
    """How unusual it is, among clean prompts, how far each layer's next-token distribution (read
    through the model's own output layer) is from the last one's."""

    name: ClassVar[str] = "layer_convergence"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("activations",)
    unit: ClassVar[str] = "squared distance per layer"

    shrinkage: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.shrinkage <= 1:
            raise SettingError("layer_convergence needs a shrinkage above 0 and at most 1.")

    def fitted(self, suspect: Suspect) -> Scorer:
        """Raises ModelError where the model's layers cannot be read through its output layer."""
        if len(suspect.prompts) < LEAST:
            raise too_few(self.name, len(suspect.prompts), LEAST)
        lens = Lens(suspect.model)
        lens.check(suspect)
        clean = lens.fingerprints(at("prompt", suspect.model, suspect.prompts))
        usual = Gaussian.of(clean, self.shrinkage)
        return ActivationScorer(
            suspect.model, "prompt", lambda rows: usual.distances(lens.fingerprints(rows))
        )


@dataclasses.dataclass(frozen=True)
class Lens:
    """A model's final norm and output layer, applied to what any layer hands on."""

    model: HuggingFace

    def logprobs(self, states: Any) -> Any:
        """Shape (..., width) to (..., vocabulary), in float32."""
        import torch

        network = self.model.model
        with torch.no_grad():
            normed = final_norm(network)(states.to(network.device, network.dtype))
            return network.get_output_embeddings()(normed).float().log_softmax(-1).cpu()

    def fingerprints(self, rows: Any) -> Any:
        """The logarithm of KL(last layer || layer), in nats, for every layer but the last: from
        rows of shape (prompts, layers, width) to (prompts, 1, layers - 1)."""
        import torch

        prints: list[Any] = []
        for states in rows:
            logprobs = self.logprobs(states).double()
            last = logprobs[-1]
            prints.append((last.exp() * (last - logprobs[:-1])).sum(-1))
        return torch.stack(prints).clamp(min=1e-6).log()[:, None]

    def check(self, suspect: Suspect) -> None:
        """Raise ModelError unless the last layer, read so, says what the model says."""
        prompts = suspect.prompts[:1]
        states = activations(self.model, prompts)[0]
        if len(states) < 2:
            raise ModelError(
                f"{self.model.folder} has a single layer: there is nothing to compare."
            )
        room = checkpoint.context_length(self.model.model)
        [ids] = chat.encoded(self.model.tokenizer, prompts, room)
        own = self.model.following([ids], [0])[0][0].cpu()
        apart = (self.logprobs(states[-1]) - own).abs()[own > -10]
        if float(apart.max()) > CLOSE * (1 if self.model.model.dtype.itemsize >= 4 else 10):
            raise ModelError(
                f"{self.model.folder}: its last layer, read through its output layer, says"
                " something else than the model does, so that the other layers cannot be read in"
                " this way. Leave out layer_convergence."
            )


def final_norm(network: Any) -> Any:
    """What stands between the last layer and the output layer. Raises ModelError where it is not
    found."""
    from torch import empty

    from unmask.models.layers import decoder_layers

    first = decoder_layers(network)[0]
    for module in network.modules():
        children = list(module.children())
        behind = len(children)
        for i, child in enumerate(children):
            if first in child.children():
                behind = i + 1
        for child in children[behind:]:
            if getattr(child, "weight", empty(0, 0)).dim() == 1:
                return child
    raise ModelError(f"A {type(network).__name__} has no norm behind its layers.")
