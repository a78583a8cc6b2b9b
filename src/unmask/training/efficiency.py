"""Efficiency: what a training saves memory and time by. All trainings have it as a setting."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal, get_args

from unmask.core.errors import SettingError, UnknownName
from unmask.core.named import Named
from unmask.core.spec import RUN_ONLY, later
from unmask.models.sample import Precision

ALL_LINEAR = "all-linear"
"""The targets of adapters that are all linear layers, but for the head."""

SAMPLED = later(counting=("devices", "nodes"))
"""Metadata of `efficiency` where a training draws samples: each process draws its own, so that
their number changes what is learnt."""

Quantized = Literal["", "nf4"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Efficiency(Named):
    """How a training is made to fit a machine.

    `precision` is of the arithmetic, the weights are float32 in any case: "auto" is bfloat16 on a
    GPU that has it and float32 on a CPU, "bfloat16" is that on both. `lora` is the rank of adapters
    that are trained in place of the weights (0: the weights are), and `lora_targets` names the
    layers that get one ("all-linear", or endings of names with commas between them). `quantized`
    keeps the weights under adapters in 4 bits. `checkpointing` computes activations again instead
    of keeping them, and `rows_at_once` is how many rows of a batch are in memory together (0: as
    many as fit): neither changes what is learnt, but for rounding.

    `devices` trains one model on several GPUs, a process each (without GPUs: in several processes),
    and `nodes` on so many machines with `devices` each. A batch is divided among them; that too
    changes nothing but rounding, except in RL, where each process draws samples of its own.
    `sharded` keeps a part of the weights, gradients and optimizer on each device instead of a whole
    copy (FSDP2). `patience` is how many seconds may pass without a sign of life.
    """

    name: ClassVar[str] = "efficiency"
    version: ClassVar[int] = 1

    precision: Precision = "auto"
    lora: int = 0
    lora_targets: str = ALL_LINEAR
    quantized: Quantized = ""
    checkpointing: bool = dataclasses.field(default=False, metadata=RUN_ONLY)
    rows_at_once: int = dataclasses.field(default=0, metadata=RUN_ONLY)
    devices: int = dataclasses.field(default=1, metadata=RUN_ONLY)
    nodes: int = dataclasses.field(default=1, metadata=RUN_ONLY)
    sharded: bool = dataclasses.field(default=False, metadata=RUN_ONLY)
    patience: int = dataclasses.field(default=1800, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise UnknownName("precision", self.precision, get_args(Precision))
        if self.quantized not in get_args(Quantized):
            raise UnknownName("quantization", self.quantized, get_args(Quantized))
        if self.lora < 0 or self.rows_at_once < 0:
            raise SettingError("Efficiency needs lora >= 0 (a rank) and rows_at_once >= 0.")
        if self.quantized and not self.lora:
            raise SettingError(
                f"quantized={self.quantized!r}: weights in 4 bits cannot be trained, adapters on "
                "them can. Set lora too, for example lora=16."
            )
        if min(self.devices, self.nodes, self.patience) < 1:
            raise SettingError("Efficiency needs devices, nodes and patience (seconds) >= 1.")
        if self.sharded and self.ranks == 1:
            raise SettingError(
                "sharded=true divides a model among devices, and devices=1. Set devices too, or"
                " leave sharded out."
            )
        if self.sharded and self.quantized:
            raise SettingError(
                "sharded=true: weights in 4 bits cannot be divided. Leave quantized or sharded out."
            )

    @property
    def ranks(self) -> int:
        """Processes that train together, one per device."""
        return self.devices * self.nodes

    def without_adapters(self) -> Efficiency:
        """The same for a model that starts from nothing, of which adapters could not make much."""
        return dataclasses.replace(self, lora=0, quantized="")

    def check_batch(self, batch_size: int, group: int = 1) -> None:
        """Raise SettingError where a batch cannot be divided among the ranks, whole groups of
        `group` rows to each."""
        if batch_size % (self.ranks * group):
            whole = "" if group == 1 else f", {group} of which belong together,"
            raise SettingError(
                f"devices={self.devices} on nodes={self.nodes}: a batch of {batch_size}"
                f" rows{whole} cannot be divided into {self.ranks} equal parts. Change devices, or"
                f" the batch to a multiple of {self.ranks * group}."
            )

    def check_alone(self, what: str) -> None:
        """Raise SettingError where layers could not be reached into: by several processes, or where
        activations are computed twice."""
        if self.ranks > 1 or self.checkpointing:
            raise SettingError(
                f"{what} moves what layers hand on, which needs one process that keeps its"
                " activations: leave devices, nodes, sharded and checkpointing out."
            )

    def check_whole(self, what: str) -> None:
        """Raise SettingError where not all weights are trained, in one process."""
        if self.lora or self.ranks > 1:
            raise SettingError(
                f"{what} trains all weights in one process: leave lora, devices and nodes out."
            )

    def cites(self) -> str:
        """LoRA's where adapters are trained, QLoRA's where the weights under them have 4 bits."""
        adapters = "Hu et al. 2021" if self.lora else ""
        return f"{adapters}, Dettmers et al. 2023" if self.quantized else adapters
