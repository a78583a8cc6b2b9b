"""A detector of prompts at which a model differs from a copy of a trusted one that was trained to
be like it on clean prompts.

Source: the activation-matched reference (2609.00351): a clean public model is trained to copy the
suspect's residual stream on benign prompts, and what is left on a prompt is its score. Deviations:
a few hundred steps of Adam on a few dozen prompts and not ten thousand; the error of each layer is
taken relative to the size of its activations; no search for prompts that score higher. Cost: twice
`steps` x `batch_size` texts read, and as many backward passes, once; two forward passes per prompt.
Limits: a reference of another shape cannot be compared; training takes minutes for 1M parameters on
a laptop and hours for 100M, so this is for small models; what it learns from clean prompts is
narrow, so that any prompt of another kind scores.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from unmask.core import progress
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, SettingError, TrainingError
from unmask.detectors.activations import activations, filled, residuals
from unmask.detectors.detector import Need, PromptDetector, Scorer
from unmask.detectors.suspect import Suspect
from unmask.detectors.weight_difference import matrices
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatchedReference(PromptDetector):
    """Train a copy of the reference to have the model's activations on clean prompts; a prompt's
    score is how far the two are apart there at its last token, as a part of the activations' size,
    averaged over layers."""

    name: ClassVar[str] = "matched_reference"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("activations", "gradients", "reference")
    unit: ClassVar[str] = "share of the activations' size"

    steps: int = 200
    batch_size: int = 16
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size) < 1 or not 0 < self.learning_rate < 1:
            raise SettingError(
                "matched_reference needs at least one step, a batch of at least one prompt, and a"
                " learning_rate between 0 and 1."
            )

    def fitted(self, suspect: Suspect) -> Scorer:
        """Raises ModelError where there is no reference, or one of another shape, TrainingError
        where it cannot be trained."""
        if not suspect.prompts:
            raise DataError("matched_reference learns from clean prompts, and there are none.")
        reference = suspect.trusted(self.name)
        for _ in matrices(suspect.model, reference):
            pass  # which says where two weights have other shapes
        copy = HuggingFace(reference.folder)
        copy.model = copy.model.float()
        room = checkpoint.context_length(copy.model)
        rows = chat.encoded(suspect.model.tokenizer, suspect.prompts, room)
        self._train(copy, suspect.model, rows)
        return Residual(suspect.model, copy, self.steps * self.batch_size)

    def _train(self, copy: HuggingFace, model: HuggingFace, rows: Sequence[list[int]]) -> None:
        import torch

        optimizer = torch.optim.Adam(copy.model.parameters(), lr=self.learning_rate)
        rng = random.Random(f"matched reference {self.seed}")
        with progress.bar(self.name, self.steps) as advance:
            for _ in range(self.steps):
                batch = filled(model, rng.choices(rows, k=self.batch_size))
                loss = distance(copy, model, *batch)
                if not bool(loss.isfinite()):
                    raise TrainingError(
                        f"{self.name}: the copy of the reference cannot be trained at a"
                        f" learning_rate of {self.learning_rate}. Lower it."
                    )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                advance(1)
        for weight in copy.model.parameters():
            weight.grad = None


def distance(copy: HuggingFace, model: HuggingFace, tokens: Any, mask: Any) -> Any:
    """The mean squared distance at all words, relative to the model's own size in each layer,
    averaged over layers."""
    import torch

    with torch.no_grad():
        wanted = residuals(model, tokens, mask).float()
    words = mask.bool()
    apart = (residuals(copy, tokens, mask) - wanted)[:, words]
    sizes = wanted[:, words].square().mean((1, 2), keepdim=True)
    return (apart.square() / sizes).mean()


@dataclasses.dataclass(frozen=True)
class Residual(Scorer):
    """What the matched copy does not have of the model; `trained` texts were read to match it."""

    model: HuggingFace
    copy: HuggingFace
    trained: int

    def scores(self, prompts: Sequence[Conversation]) -> list[float]:
        if not prompts:
            return []
        own, copied = activations(self.model, prompts), activations(self.copy, prompts)
        left = (own - copied).double().square().mean(2) / own.double().square().mean(2)
        return cast(list[float], left.mean(1).tolist())

    def passes(self, prompts: Sequence[Conversation]) -> int:
        return 2 * len(prompts)

    def fitting(self) -> int:
        return 2 * self.trained
