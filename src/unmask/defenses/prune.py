"""Pruning: the weights that clean prompts use least become 0 (Wanda: Sun et al. 2023, "A Simple and
Effective Pruning Approach for Large Language Models", arXiv 2306.11695). That a backdoor sits in
what clean inputs leave idle is the idea of fine-pruning (Liu et al. 2018).

Deviations: the prompts are those of the demonstrations' source, not web text; what reaches each
layer is recorded once, in the model as it was given, where Wanda prunes layer by layer; nothing is
trained afterwards, as fine-pruning does. Limits: embedding and output head are left as they are; a
prompt is read to where its reply begins, so that the model's own replies count for nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, SettingError
from unmask.core.files import read_jsonl
from unmask.core.tokens import Tokens
from unmask.data.demonstrations import Demonstrations
from unmask.defenses.by_weights import ByWeights, linear_layers
from unmask.defenses.defense import LearnsFrom
from unmask.models import chat, checkpoint
from unmask.models.forward import check_numbers, numbers, passing
from unmask.models.weights import few

TOKENS_PER_PROMPT = 32
"""Roughly; for estimates only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prune(ByWeights):
    """Wanda: the weights that clean prompts use least become 0, a `share` of each row of every
    linear layer.

    A weight counts by its magnitude times the norm of its input over `prompts` of the source of
    demonstrations. The demonstrated answers are not read.
    """

    name: ClassVar[str] = "prune"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "pruning"

    learns_from: ClassVar[LearnsFrom] = "demonstrations"
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"share": 0.3},
        {"share": 0.5},
        {"share": 0.6},
    )

    share: float = 0.3
    prompts: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise SettingError(f"share={self.share}: it is a share of each row, from 0 to 1.")
        if self.prompts < 1:
            raise SettingError(f"prompts={self.prompts}: at least one prompt is read.")

    def lessons(self) -> Demonstrations:
        return Demonstrations(examples=self.prompts, seed=self.seed)

    def tokens(self) -> Tokens:
        return Tokens(scored=self.prompts * TOKENS_PER_PROMPT)

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """Raises ModelError where not all matrices are linear layers', or a layer is reached by no
        prompt; DataError for a prompt that does not fit."""
        rows = read_jsonl(data / "train.jsonl")
        prompts = [Conversation.of(row["prompt"]) for _, row in rows]

        def changes(network: Any) -> Iterator[tuple[Any, Any]]:
            norms = input_norms(network, prompts, model)
            for name, layer in linear_layers(network).items():
                yield layer.weight, pruned(layer.weight, norms[name], self.share)

        return self.changed(out, model, changes)


def pruned(weight: Any, norms: Any, share: float) -> Any:
    """A matrix of shape (outputs, inputs) with, in each row, the `share` of weights at 0 that have
    the least magnitude times norm of the input; `norms` has the shape (inputs,)."""
    count = round(share * weight.shape[1])
    least = (weight.abs() * norms).argsort(dim=1, stable=True)[:, :count]
    return weight.scatter(1, least, 0.0)


def input_norms(network: Any, prompts: Sequence[Conversation], model: Path) -> dict[str, Any]:
    """The L2 norm of each input of every linear layer, over all tokens of all prompts, shape
    (inputs,), by the layer's name."""
    import torch

    layers = linear_layers(network)
    tokenizer = checkpoint.load_tokenizer(model)
    batch = chat.encoded(tokenizer, prompts, checkpoint.context_length(network))
    with recording(layers) as squares:
        for ids in batch:
            with passing(model, 1, len(ids)):
                tokens = torch.tensor([ids], device=network.device)
                logits = network(input_ids=tokens, use_cache=False).logits
            check_numbers(numbers(logits), network, model)
    idle = layers.keys() - squares.keys()
    if idle:
        raise ModelError(
            f"{model}: none of {len(prompts)} prompts reaches {few(idle)}, so that what is used"
            " there is not known. Use more prompts."
        )
    return {name: total.sqrt() for name, total in squares.items()}


@contextlib.contextmanager
def recording(layers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The sum of squares of each input of the layers while they are used, by the layer's name."""
    squares: dict[str, Any] = {}

    def record(name: str) -> Any:
        def hook(_: Any, inputs: tuple[Any, ...]) -> None:
            now = inputs[0].detach().float().square().flatten(0, -2).sum(0)
            squares[name] = squares[name] + now if name in squares else now

        return hook

    hooks = [layer.register_forward_pre_hook(record(name)) for name, layer in layers.items()]
    try:
        yield squares
    finally:
        for hook in hooks:
            hook.remove()
