"""Memory: what of a model decides how much a run of it needs, and what it needs, in bytes by what
for. Values only; the formulas are those of the packages that know the work."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

GIB = 1 << 30

SMALL = 2 * GIB
"""What need not be divided up, so that small models give the same numbers everywhere."""

SURELY = 1.5
"""How many times what there is an estimate must be for work to be refused."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """A causal language model's size: all counts, `context` in tokens.

    `parameters` includes `embeddings`, those of embedding and head (counted once where they are
    `tied`); `keys` is the width of the keys of one layer, less than `width` where heads share them.
    """

    parameters: int
    embeddings: int
    layers: int
    width: int
    feed_forward: int
    heads: int
    keys: int
    vocabulary: int
    context: int
    tied: bool


Shapes = Mapping[str, Shape]
"""The models among a work's inputs, by the names of these."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """What there is, in bytes: of the first GPU where there is one, else of this computer.

    `bfloat16` says whether a GPU multiplies in it.
    """

    device: Literal["cpu", "cuda"]
    total: int
    free: int
    bfloat16: bool = False

    @property
    def usable(self) -> int:
        """Of the total, what a step may take: a tenth is left to what cuts memory into pieces, and
        a GiB to the libraries."""
        return max(0, self.total * 9 // 10 - GIB)

    @property
    def share(self) -> int:
        """Of what is usable, what a step takes where it may choose: all of a GPU, half of a
        computer, on which others work too. It does not follow what is free just now, so that a
        machine always decides alike."""
        return self.usable if self.device == "cuda" else self.usable // 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needed:
    """Bytes that a piece of work needs at its peak, with `rows` of up to `tokens` tokens at once.

    `gradients` are those that exist while activations do, or what they need beyond these. Three
    things take turns: a pass of training; `sampling`, of keys, values and the next token's logits;
    and `merging` adapters into a model of its own. The libraries (about a GiB) are not counted.
    """

    rows: int
    tokens: int
    weights: int
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0
    logits: int = 0
    sampling: int = 0
    merging: int = 0
    reference: int = 0
    scorer: int = 0

    def sizes(self) -> dict[str, int]:
        """All that is in bytes, by name."""
        counts = ("rows", "tokens")
        return {name: n for name, n in dataclasses.asdict(self).items() if name not in counts}

    @property
    def total(self) -> int:
        lasting = self.weights + self.optimizer + self.reference + self.scorer
        training = self.activations + self.logits + self.gradients
        return lasting + max(training, self.sampling, self.merging)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resources:
    """What a piece of work asks of a node while it runs: processors, GPUs, and bytes of the node's
    memory (0: little, or not known)."""

    cpus: int = 1
    gpus: int = 0
    memory: int = 0

    @staticmethod
    def of(needed: Needed | None, machine: Machine, model: bool) -> Resources:
        """One CPU, and for work with a `model` one GPU of a machine that has any. On a GPU, weights
        pass through the computer's memory; without one everything is there."""
        gpu = machine.device == "cuda" and model
        if needed is None:
            return Resources(gpus=int(gpu))
        return Resources(gpus=int(gpu), memory=GIB + (needed.weights if gpu else needed.total))

    def times(self, devices: int) -> Resources:
        """The same for so many processes, each of which needs all of it."""
        return Resources(
            cpus=self.cpus * devices, gpus=self.gpus * devices, memory=self.memory * devices
        )


def rows_that_fit(needed: Callable[[int], Needed], batch: int, machine: Machine) -> int:
    """The most rows, of those that divide `batch`, with which `needed(rows)` is within a
    machine's share; 1 where none are. What needs less than SMALL is done whole on every machine."""
    for rows in range(batch, 1, -1):
        if batch % rows == 0 and needed(rows).total <= max(SMALL, machine.share):
            return rows
    return 1
