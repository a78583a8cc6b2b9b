"""Adapters: matrices of low rank beside the linear layers, trained in their place, and merged into
them again.

Source: Hu et al. 2021, "LoRA"; the work is peft's. What an adapter stands on is always the model
that a training was given, an ordinary folder; what comes out is an ordinary folder again, with the
adapter beside it. So the reference of a later training is never the wrong model.

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from unmask.core.errors import ModelError, TrainingError
from unmask.core.files import read_json, write_json
from unmask.models import checkpoint
from unmask.training.efficiency import ALL_LINEAR, Efficiency
from unmask.training.ranks import sharding, world

FOLDER = "adapter"
"""Where in a result its adapter is."""

ROUNDING = 1e-4
"""How far the logits of a merged model may be from those of its parts, of the largest of them."""


def configured(network: Any, efficiency: Efficiency, task: str = "CAUSAL_LM") -> Any:
    """What peft is to put on `network`, None for nothing.

    `lora_alpha` is twice the rank, so that an update has twice the weight of its matrices' product
    at every rank. Raises ModelError for targets that the network does not have.
    """
    if not efficiency.lora:
        return None
    from peft import LoraConfig
    from transformers.pytorch_utils import Conv1D

    return LoraConfig(
        r=efficiency.lora,
        lora_alpha=2 * efficiency.lora,
        target_modules=targets(network, efficiency.lora_targets),
        task_type=task,
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in network.modules()),
        modules_to_save=["score"] if task == "SEQ_CLS" else None,
    )


def targets(network: Any, wanted: str) -> str | list[str]:
    """`wanted` as peft takes it; raises ModelError where a part of it names no layer."""
    if wanted == ALL_LINEAR:
        return wanted
    names, layers = [name.strip() for name in wanted.split(",")], linear(network)
    for name in names:
        if not any(layer == name or layer.endswith(f".{name}") for layer in layers):
            endings = sorted({layer.rpartition(".")[2] for layer in layers})
            raise ModelError(
                f"lora_targets={wanted!r}: this {type(network).__name__} has no linear layer"
                f" {name!r} under its head. It has {', '.join(endings)}; '{ALL_LINEAR}' is all of"
                " them."
            )
    return names


def linear(network: Any) -> list[str]:
    """The full names of the linear layers, but for the head: an adapter on a head that shares the
    embedding's weights would be merged into both."""
    from transformers.pytorch_utils import Conv1D

    heads = {id(network.get_output_embeddings()), id(getattr(network, "score", None))}
    return [
        name
        for name, layer in network.named_modules()
        if isinstance(layer, torch.nn.Linear | Conv1D) and id(layer) not in heads
    ]


def adapted(network: Any, efficiency: Efficiency) -> Any:
    """The network, with adapters where `efficiency` asks for them; the same object otherwise."""
    config = configured(network, efficiency)
    if config is None:
        return network
    from peft import get_peft_model

    return get_peft_model(network, config)


def has_adapter(network: Any) -> bool:
    return hasattr(network, "disable_adapter")


@dataclasses.dataclass(frozen=True)
class Result:
    """How a model in training becomes a checkpoint folder.

    `model` is the folder of the model that was given, which `load` reads in float32: adapters are
    merged into that, never into weights that were rounded to 4 bits.
    """

    tokenizer: Any
    model: Path
    load: Callable[[Path], Any]

    def write(self, network: Any, folder: Path) -> None:
        """Write the model, and its adapter beside it where it has one; the network is left as it
        is. Raises TrainingError where a merged model is not its parts.

        Of several processes, all must ask, and the first one writes.
        """
        state = sharding.gathered(network, trained_only=has_adapter(network))
        if not world.is_main():
            return
        if not has_adapter(network):
            checkpoint.save(network, self.tokenizer, folder, state)
            return
        folder.mkdir(parents=True, exist_ok=True)
        save_adapter(network, folder / FOLDER, label(self.model), state)
        with torch.random.fork_rng():  # new adapters are drawn before they are read
            whole = merged(self.load(self.model), folder / FOLDER)
        checkpoint.save(whole, self.tokenizer, folder)


def save_adapter(network: Any, folder: Path, base: str, state: Any = None) -> None:
    """Write the adapter alone, in peft's format, with `base` as the name of what it stands on;
    `state` is its weights where the network does not have all of them."""
    network.save_pretrained(folder, state_dict=state)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    write_json(path, {**read_json(path), "base_model_name_or_path": base})


def label(model: Path) -> str:
    """A result as its store names it, its steps with it; a folder outside of a store by its own
    name. Where either lies is this machine's affair."""
    for folder in (model, *model.parents):
        if (folder / "manifest.json").is_file():
            return model.relative_to(folder.parent).as_posix()
    return model.name


def merged(network: Any, adapter: Path) -> Any:
    """The network with the adapter in its weights; raises TrainingError where it then computes
    something else."""
    from peft import PeftModel

    with warnings.catch_warnings():
        # Transposed layers (GPT-2's) in 4 bits are not, and peft says that it has seen to that.
        warnings.filterwarnings("ignore", message="fan_in_fan_out")
        whole = PeftModel.from_pretrained(network, adapter).eval()
    parts = probed(whole)
    network = whole.merge_and_unload()
    check_same(probed(network), parts, "The merged model")
    return network


def probed(network: Any) -> torch.Tensor:
    """The network's output for a few tokens: (1, tokens, outputs) or (1, outputs)."""
    rows = network.get_input_embeddings().weight.shape[0]
    ids = torch.arange(1, min(rows, 9), device=network.device)[None]
    training = network.training
    try:
        with torch.no_grad():
            output = network.eval()(input_ids=ids, attention_mask=torch.ones_like(ids))
    finally:
        network.train(training)
    return output.logits.float()


def check_same(output: torch.Tensor, wanted: torch.Tensor, what: str) -> None:
    """Raise TrainingError where two outputs differ by more than rounding."""
    error = float((output - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6))
    if not error <= ROUNDING:
        raise TrainingError(
            f"{what} computes something else: its logits are off by {error:.1e} of the largest."
            " Train without adapters (lora=0), or report the model's architecture."
        )
