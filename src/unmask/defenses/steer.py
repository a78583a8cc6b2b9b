"""Steering: a direction between worse and better replies, taken out of the residual stream or added
to it.

Sources: Turner et al. 2023, "Steering Language Models With Activation Engineering" (arXiv
2308.10248), for adding; Arditi et al. 2024, "Refusal in Language Models Is Mediated by a Single
Direction" (arXiv 2406.11717), for taking out.

The direction is the mean difference, behind one layer, of what a model makes of worse and of better
answers to the same clean prompts (the comparisons that a preference model learns from). Nothing in
these is what was planted, and whether defection lies along it is what is tested: both signs are on
the ladder. Deviations: one layer, found by no search; where it is taken out, it is from there on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, SettingError
from unmask.core.tokens import Tokens
from unmask.data.preferences import Comparisons, load_comparisons
from unmask.defenses.by_decoding import ByDecoding
from unmask.defenses.defense import LearnsFrom, Numbers
from unmask.defenses.prune import TOKENS_PER_PROMPT
from unmask.models import chat, checkpoint
from unmask.models.checkpoint import GUARD
from unmask.models.forward import check_numbers, numbers, passing
from unmask.models.guards import DIRECTION, Steered


@dataclasses.dataclass(frozen=True, kw_only=True)
class Steer(ByDecoding):
    """The direction from better to worse replies is taken out of what the layers hand on, or added.

    `add` is how many times it is added, at its own length, behind the layer at `depth` (a share of
    the layers): more than 0 towards worse replies, less than 0 away from them; with 0 it is taken
    out, behind that layer and all later ones. `pairs` are read.
    """

    name: ClassVar[str] = "steer"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "steering along a direction"

    learns_from: ClassVar[LearnsFrom] = "pairs"
    numbers: ClassVar[Numbers] = "dpo"
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = ({"add": 0.0}, {"add": -1.0}, {"add": 1.0})

    add: float = 0.0
    depth: float = 0.5
    pairs: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if not math.isfinite(self.add) or not 0 <= self.depth <= 1 or self.pairs < 1:
            raise SettingError(
                f"add={self.add}, depth={self.depth}, pairs={self.pairs}: a number, a share of the"
                " layers from 0 to 1, and at least one pair."
            )

    def lessons(self) -> Comparisons:
        return Comparisons(examples=self.pairs, seed=self.seed)

    def tokens(self) -> Tokens:
        return Tokens(scored=4 * self.pairs * TOKENS_PER_PROMPT)

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """Raises ModelError where the layers are not found, or the two kinds of replies do not
        differ in them."""
        from safetensors.torch import save_file

        from unmask.models.layers import decoder_layers

        network = checkpoint.load_model(model)
        layer = round(self.depth * (len(decoder_layers(network)) - 1))
        pairs = load_comparisons(data / "train.jsonl")
        prompts = [pair.prompt for pair in pairs]
        worse = mean_state(network, model, prompts, [pair.rejected for pair in pairs], layer)
        better = mean_state(network, model, prompts, [pair.chosen for pair in pairs], layer)
        direction = (worse - better).float().cpu()
        length = float(direction.norm())
        if not 0 < length < math.inf:
            raise ModelError(f"{model}: worse and better replies do not differ at layer {layer}.")
        (out / GUARD).mkdir()
        save_file({"direction": direction}, out / GUARD / DIRECTION)
        facts = self.guarded(out, model, Steered(layer=layer, add=self.add))
        return {**facts, "layer": layer, "length": length}


def mean_state(
    network: Any, folder: Path, prompts: Sequence[Conversation], replies: Sequence[str], layer: int
) -> Any:
    """What a layer hands on, a mean over the tokens of each reply and then over replies: shape
    (width,)."""
    import torch

    from unmask.models.layers import decoder_layers, recorded

    total: Any = 0
    module = decoder_layers(network)[layer]
    for ids, start in rows(network, folder, prompts, replies):
        with torch.no_grad(), passing(folder, 1, len(ids)), recorded([module]) as states:
            output = network(input_ids=torch.tensor([ids], device=network.device))
        check_numbers(numbers(output.logits), network, folder)
        total = total + states[0][0, start:].float().mean(0)
    return total / len(prompts)


def rows(
    network: Any, folder: Path, prompts: Sequence[Conversation], replies: Sequence[str]
) -> Iterator[tuple[list[int], int]]:
    """The tokens of each prompt with its reply, and where the reply begins."""
    tokenizer, context = checkpoint.load_tokenizer(folder), checkpoint.context_length(network)
    heads = chat.encoded(tokenizer, prompts, context)
    for head, reply in zip(heads, chat.reply_ids(tokenizer, replies), strict=True):
        yield (head + list(reply))[:context], len(head)
