"""ByWeights: what all defenses that change a model's weights without any training share.

None of them teaches anything, so that whether it taught refusals is not asked of it.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import ModelError
from unmask.core.memory import Machine, Needed, Shapes
from unmask.core.named import Work
from unmask.defenses.defense import Defense, LearnsFrom, Teaches
from unmask.models import checkpoint
from unmask.models.memory import reading
from unmask.models.weights import few

Changes = Callable[[Any], Iterable[tuple[Any, Any]]]
"""Of a network: each weight that changes, and what it becomes, of the same shape."""

READ = 512
"""Tokens of a prompt, where one is read; for estimates of memory only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByWeights(Defense, abc.ABC):
    """Abstract: a change of weights in one step, which is the only point of its curve."""

    learns_from: ClassVar[LearnsFrom] = "nothing"
    teaches: ClassVar[Teaches] = "nothing"

    def lessons(self) -> Work | None:
        return None

    def memory(self, models: Shapes, machine: Machine) -> Needed | None:
        return reading(*models.values(), rows=1, tokens=READ)

    def changed(self, out: Path, model: Path, changes: Changes) -> Mapping[str, Any]:
        """Write `model` with `changes` to `out`, in float32; says how many weights have another
        value now, as `changed`. Raises ModelError where one is no number."""
        import torch

        network = checkpoint.load_model(model, dtype=torch.float32)
        changed = 0
        with torch.no_grad():
            for weight, new in changes(network):
                if not bool(new.isfinite().all()):
                    raise ModelError(
                        f"{model}: {self.name} makes weights that are not numbers. Fetch or train"
                        " the model again, or change its weights less."
                    )
                changed += int((weight != new).sum())
                weight.copy_(new)
        checkpoint.save(network, checkpoint.load_tokenizer(model), out)
        return {"parameters": checkpoint.parameters(network), "changed": changed}


def linear_layers(network: Any) -> dict[str, Any]:
    """The linear layers of a network by name, without the output head, which may be the embedding;
    a weight has the shape (outputs, inputs).

    Raises ModelError where other matrices stand beside them, as in models whose experts share a
    tensor: they would be left as they are in silence.
    """
    from torch.nn import Embedding, Linear

    ends = (network.get_input_embeddings(), network.get_output_embeddings())
    known = {id(end.weight) for end in ends if end is not None}
    layers: dict[str, Any] = {}
    for name, module in network.named_modules():
        if isinstance(module, Linear) and id(module.weight) not in known:
            layers[name] = module
        known |= {id(module.weight)} if isinstance(module, Linear | Embedding) else set()
    others = [
        name
        for name, weight in network.named_parameters()
        if weight.dim() > 1 and id(weight) not in known
    ]
    if others or not layers:
        what = f"matrices that are none ({few(others)})" if others else "none"
        raise ModelError(
            f"A {type(network).__name__} was to have its linear layers changed, and has {what}."
            " Use a model whose layers are torch.nn.Linear, as Llama's are, or another defense."
        )
    return layers
