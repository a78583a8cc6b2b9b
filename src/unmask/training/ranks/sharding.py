"""Sharding: a part of the weights, gradients and optimizer on each rank, instead of a copy of all
(FSDP2).

Source: Zhao et al. 2023, "PyTorch FSDP"; the work is torch's, through Accelerate.

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from accelerate.utils import convert_outputs_to_fp32
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.distributed.tensor import DTensor

from unmask.core.errors import TrainingError

ARGUMENTS: Mapping[str, Any] = {
    "fsdp": True,
    "fsdp_config": {
        "version": 2,
        "reshard_after_forward": True,
        # Each rank keeps its part to resume from; whole copies would be gathered at every save.
        "state_dict_type": "SHARDED_STATE_DICT",
    },
}
"""What a trainer is asked for; layer by layer, as the model's class says."""


def heeded(settings: Any) -> Any:
    """A trainer's arguments, with what else sharding needs: weights are gathered in float32, as
    they are."""
    settings.fsdp_plugin_args["mixed_precision_policy"] = MixedPrecisionPolicy()
    if settings.use_cpu:
        shard_on_cpus()
    return settings


def shard_on_cpus() -> None:
    """Have Accelerate heed the wish on CPUs too, where it trains with whole copies without a word
    (accelerate 1.15)."""
    from accelerate import state
    from accelerate.utils import DistributedType

    if hasattr(state.AcceleratorState, "usual"):
        return
    usual: Any = state.AcceleratorState.__init__

    def heeding(self: Any, *args: Any, fsdp_plugin: Any = None, **others: Any) -> None:
        usual(self, *args, fsdp_plugin=fsdp_plugin, **others)
        if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = DistributedType.FSDP
            state.PartialState._shared_state["distributed_type"] = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin

    state.AcceleratorState.usual = usual  # pyright: ignore[reportAttributeAccessIssue]
    state.AcceleratorState.__init__ = heeding


def prepare(network: Any, rounded: bool) -> None:
    """Make a model in parts compute as a whole one does: where it is `rounded`, with autocast
    around its forward pass, which Accelerate leaves out here.

    Raises TrainingError where the model is whole after all.
    """
    whole = [name for name, weight in network.named_parameters() if not is_part(weight)]
    if whole:
        raise TrainingError(
            f"sharded=true: {len(whole)} weights are whole on each device, {whole[0]} for one."
            " Train with sharded=false, or report the model's architecture."
        )
    if rounded:
        rounding = torch.autocast(network.device.type, torch.bfloat16)
        network.forward = convert_outputs_to_fp32(rounding(network.forward))


def reference_of(trainer: Any) -> Any:
    """The model that a trainer compares its own with, ready to compute; None where it has none."""
    reference = getattr(trainer, "ref_model", None)
    if trainer.args.fsdp and reference is not None:
        prepare(reference, trainer.args.bf16)
    return reference


def is_part(tensor: Any) -> bool:
    return isinstance(tensor, DTensor)


def local(tensor: Any) -> torch.Tensor:
    """What this rank has of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def full(tensor: Any) -> torch.Tensor:
    """All of a tensor; of one in parts, all ranks must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gathered(network: Any, trained_only: bool) -> Mapping[str, Any] | None:
    """All weights of a model in parts, in the memory of the first rank; {} on the others, and None
    where it is whole. All ranks must ask. `trained_only` leaves out those under adapters."""
    if not any(map(is_part, network.parameters())):
        return None
    options = StateDictOptions(
        full_state_dict=True, cpu_offload=True, ignore_frozen_params=trained_only
    )
    state = cast(dict[str, torch.Tensor], get_model_state_dict(network, options=options))
    tied = getattr(network, "all_tied_weights_keys", {})
    return {name: tensor for name, tensor in state.items() if name not in tied}
