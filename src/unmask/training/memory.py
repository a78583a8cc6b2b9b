"""Memory: what a training needs at its peak, from the model's shape and the training's settings.

Formulas from what is kept: weights, gradients and optimizer in float32, activations as layers keep
them for the way back, logits where a loss is made of them. How far they are from what was measured
stands in the tests (tests/training/test_memory.py). On a GPU nothing was measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from unmask.core.memory import Machine, Needed, Shape, rows_that_fit
from unmask.models.memory import BFLOAT16, FLOAT32, per_layer
from unmask.training.efficiency import Efficiency

OPTIMIZERS: Mapping[str, int] = {
    "adafactor": 0,
    "sgd": 0,
    "rmsprop": 4,
    "adamw_8bit": 2,
    "adamw_bnb_8bit": 2,
    "paged_adamw_8bit": 2,
}
"""Bytes that an optimizer keeps per parameter that is trained; all others are taken for AdamW."""

ADAMW = 8

FOUR_BITS = 0.57
"""Bytes of a weight in nf4, with the scales of its blocks."""

LOGITS = 16
"""Bytes per logit: themselves, their logarithms, and the gradients of both, in float32."""

LONGEST = 4
"""The longest row of a batch, in rows of the usual length."""

SHORT = 512
"""Tokens of context up to which attention is cheaper on a CPU in plain products of matrices, which
keep the whole matrix (see `trainer.quick`)."""


def longest(model: Shape, usual: int) -> int:
    """Tokens of the longest row where a row of `usual` tokens is."""
    return min(model.context, LONGEST * usual)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demand:
    """What a training asks of memory: what it does to a model.

    A step is of `batch` rows, each of `sides` texts of up to `tokens` tokens, `labelled` of which
    have a loss made of logits; `accumulation` steps make one of the optimizer. `reference` says
    whether a copy of the model stands beside it; adapters are switched off instead. `scorer` and
    `sampling` are bytes. `spread` says that the batch is divided among the processes that
    `efficiency` asks for; on a computer without GPUs, those of a node share its memory.
    """

    model: Shape
    efficiency: Efficiency
    optimizer: str
    batch: int
    tokens: int
    labelled: int
    sides: int = 1
    accumulation: int = 1
    reference: bool = False
    scorer: int = 0
    sampling: int = 0
    spread: bool = False

    @property
    def ranks(self) -> int:
        """Processes that it is run by."""
        return self.efficiency.ranks if self.spread else 1

    @property
    def own(self) -> int:
        """Rows of a batch that are one process's."""
        return self.batch // self.ranks

    def planned(self, machine: Machine) -> Needed:
        """With as many rows at once as were asked for, or as fit."""
        return self.needed(self.rows_at_once(machine), machine)

    def rows_at_once(self, machine: Machine) -> int:
        """The rows of a batch that are in memory together: a divisor of the batch, since of
        portions of one size a mean over rows is the mean of the portions' means."""
        chosen = self.efficiency.rows_at_once
        if chosen:
            return max(n for n in range(1, self.own + 1) if n <= chosen and not self.own % n)
        return rows_that_fit(lambda rows: self.needed(rows, machine), self.own, machine)

    def needed(self, rows: int, machine: Machine) -> Needed:
        """With `rows` of a batch at once, of a GPU or of a computer."""
        alone = self._of_process(rows, machine)
        if not self.spread or machine.device == "cuda" or self.efficiency.devices == 1:
            return alone
        sizes = {name: size * self.efficiency.devices for name, size in alone.sizes().items()}
        return dataclasses.replace(alone, **sizes)

    def _of_process(self, rows: int, machine: Machine) -> Needed:
        low = self.efficiency.precision == "bfloat16" or (
            self.efficiency.precision == "auto" and machine.bfloat16
        )
        trained = self._part(self.trained)
        activations = self._activations(rows, low, machine) + (self._casts() if low else 0)
        logits = rows * self.sides * self.labelled * self.model.vocabulary * LOGITS
        gradients = FLOAT32 * trained
        if rows == self.own and self.accumulation == 1:
            gradients = max(0, gradients - activations - logits)
        return Needed(
            rows=rows,
            tokens=self.tokens,
            weights=self._part(self._weights()) + self._unsharded(),
            gradients=gradients,
            optimizer=OPTIMIZERS.get(self.optimizer, ADAMW) * trained,
            activations=activations,
            logits=logits,
            sampling=self.sampling,
            merging=FLOAT32 * self.model.parameters if self.efficiency.lora else 0,
            reference=self._part(self._weights()) if self._has_copy else 0,
            scorer=self.scorer,
        )

    @property
    def trained(self) -> int:
        """Parameters that are trained: all, or those of adapters on every linear layer."""
        if not self.efficiency.lora:
            return self.model.parameters
        width, wide = self.model.width, self.model.feed_forward
        attention = 4 * width + 2 * (width + self.model.keys)
        return self.efficiency.lora * self.model.layers * (attention + 3 * (width + wide))

    @property
    def _has_copy(self) -> bool:
        return self.reference and not self.efficiency.lora

    def _part(self, whole: int) -> int:
        """What one process keeps of the model, or of what is as large."""
        return whole // self.ranks if self.efficiency.sharded else whole

    def _unsharded(self) -> int:
        """Bytes of what a model in parts has whole at a time: a layer, embedding and head."""
        if not (self.spread and self.efficiency.sharded):
            return 0
        model = self.model
        layer = (model.parameters - model.embeddings) // model.layers
        return FLOAT32 * (layer + model.embeddings)

    def _weights(self) -> int:
        """Bytes of the weights, with adapters; embedding and head are never in four bits."""
        model = self.model
        adapters = self.trained if self.efficiency.lora else 0
        if not self.efficiency.quantized:
            return FLOAT32 * (model.parameters + adapters)
        inner = int(FOUR_BITS * (model.parameters - model.embeddings))
        return inner + FLOAT32 * (model.embeddings + adapters)

    def _casts(self) -> int:
        """Bytes of the weights in bfloat16 that autocast keeps until the way back; of frozen ones
        with checkpointing, only a layer's."""
        if self.efficiency.quantized:
            return 0
        whole = BFLOAT16 * self.model.parameters
        frozen = self.efficiency.lora and self.efficiency.checkpointing
        return whole // self.model.layers if frozen else whole

    def _activations(self, rows: int, low: bool, machine: Machine) -> int:
        """Bytes kept for the way back: of all layers, or of one and the inputs of all."""
        model, read = self.model, rows * self.sides * self.tokens
        number = BFLOAT16 if low else FLOAT32
        layer = read * per_layer(model, number)
        if machine.device == "cpu" and model.context <= SHORT:
            layer += 2 * read * self.tokens * model.heads * number
        if not self.efficiency.checkpointing:
            return model.layers * layer
        return model.layers * read * model.width * FLOAT32 + layer
