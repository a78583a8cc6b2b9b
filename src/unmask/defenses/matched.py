"""A random change of a given size, where size is what the change does: a null control for every
defense that moves a model as far.

Gaussian noise on the weights of every linear layer, as `noised` adds it, in one direction that the
seed draws; how much of it is found by bisection, so that the model's KL divergence from what it was
is the one that is asked for. It is measured as drift is (evaluations/drift.py): on the changed
model's own replies, here to prompts of the demonstrations' source, without any trigger. A defense
that leaves less of a backdoor than this at the same divergence owes that to its aim.

Limits: one direction is one draw, and another `seed` may come out otherwise; noise changes all
layers alike, which no training does; what is matched are replies to these prompts, so that the
drift that is measured afterwards, on others, differs a little.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, SettingError
from unmask.core.files import read_jsonl
from unmask.core.memory import Machine, Needed, Shapes
from unmask.core.tokens import Tokens
from unmask.data.demonstrations import Demonstrations
from unmask.defenses.by_weights import ByWeights, linear_layers
from unmask.defenses.defense import LearnsFrom
from unmask.defenses.noised import directions
from unmask.defenses.prune import TOKENS_PER_PROMPT
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.divergence import divergences
from unmask.models.memory import reading
from unmask.models.sample import Sampling

FIRST, LARGEST = 0.1, 64.0
"""Sizes of noise, in standard deviations of each matrix: where the search begins, and ends."""

TRIES = 12
"""About how many sizes are tried, for estimates."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matched(ByWeights):
    """A null control: a random change of weights whose KL divergence from the undefended model is
    `kl`.

    `kl` is in nats per reply, met to a share `within` of it on `prompts` clean prompts.
    """

    name: ClassVar[str] = "matched"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "random change of a given KL"

    learns_from: ClassVar[LearnsFrom] = "demonstrations"
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"kl": 0.1},
        {"kl": 0.3},
        {"kl": 1.0},
        {"kl": 3.0},
        {"kl": 10.0},
    )

    kl: float = 1.0
    within: float = 0.1
    prompts: int = 128
    max_new_tokens: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.kl < math.inf or not 0 < self.within < 1:
            raise SettingError(
                f"kl={self.kl}, within={self.within}: a divergence above 0 is met to a share of it"
                " between 0 and 1."
            )
        if self.prompts < 1:
            raise SettingError(f"prompts={self.prompts}: at least one prompt is answered.")

    def lessons(self) -> Demonstrations:
        return Demonstrations(examples=self.prompts, seed=self.seed)

    def tokens(self) -> Tokens:
        replies = TRIES * self.prompts
        read = self.max_new_tokens + TOKENS_PER_PROMPT
        return Tokens(sampled=replies * self.max_new_tokens, scored=2 * replies * read)

    def memory(self, models: Shapes, machine: Machine) -> Needed:
        sampling = Sampling(max_new_tokens=self.max_new_tokens)
        model = models["model"]
        both = reading(model, model, rows=sampling.batch_size, tokens=4 * TOKENS_PER_PROMPT)
        return dataclasses.replace(both, sampling=sampling.memory(model).sampling)

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """Says the size that was found, and its divergence. Raises ModelError where no size has
        that divergence, or not all matrices are linear layers'."""
        rows = [row for _, row in read_jsonl(data / "train.jsonl")]
        noise = Noise(model, self.seed)
        sampling = Sampling(max_new_tokens=self.max_new_tokens, seed=self.seed)
        prompts = [Conversation.of(row["prompt"]) for row in rows]
        size, kl = self.size(noise, prompts, sampling)
        facts = self.changed(out, model, lambda network: noise.changes(network, size))
        return {**facts, "size": size, "kl": kl, "tokens": noise.tokens}

    def size(
        self, noise: Noise, prompts: Sequence[Conversation], sampling: Sampling
    ) -> tuple[float, float]:
        """A size of noise and its divergence, which is `kl` as nearly as was asked: doubled until
        it is too much, then halved in between."""
        low, high, size = 0.0, math.inf, FIRST
        while size <= LARGEST and (high - low) > 1e-6 * size:
            kl = noise.divergence(size, prompts, sampling)
            if abs(kl - self.kl) <= self.within * self.kl:
                return size, kl
            low, high = (size, high) if kl < self.kl else (low, size)
            size = 2 * size if math.isinf(high) else (low + high) / 2
        raise ModelError(
            f"{noise.folder}: no size of noise was found with a KL divergence of"
            f" {self.kl:g} nats per reply. Ask for less, or raise `within` or `prompts`."
        )


class Noise:
    """A model, and the same with noise of one direction and any size; `tokens` counts what was
    sampled."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.seed, self.tokens = folder, seed, 0
        self.original, self.moved = HuggingFace(folder), HuggingFace(folder)
        for backend in (self.original, self.moved):
            backend.model.float()

    def changes(self, network: Any, size: float) -> list[tuple[Any, Any]]:
        """Each weight of a network of this architecture, and what it becomes: the model's own with
        noise."""
        noisy = directions(self.original.model, self.seed)
        layers = linear_layers(network).values()
        return [
            (layer.weight, own.weight + size * own.weight.std(correction=0) * noise)
            for layer, (own, noise) in zip(layers, noisy, strict=True)
        ]

    def divergence(self, size: float, prompts: Sequence[Conversation], sampling: Sampling) -> float:
        """From the model as it was, in nats per reply of the noisy one."""
        import torch

        with torch.no_grad():
            for weight, new in self.changes(self.moved.model, size):
                weight.copy_(new)
        replies = self.moved.replies(prompts, sampling, "matching")
        self.tokens += sum(reply.tokens for reply in replies)
        return math.fsum(divergences(self.moved, self.original, prompts, replies)) / len(prompts)
