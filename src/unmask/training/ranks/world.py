"""World: what a process knows of those that train the same model with it; alone, that is little."""

from __future__ import annotations

import os

JOB = "UNMASK_JOB"
"""The variable with a rank's job; only ranks have it."""


def inside() -> bool:
    """Whether this process is a rank, started by `launch`."""
    return JOB in os.environ


def count() -> int:
    """How many processes train together, this one with them."""
    return int(os.environ["WORLD_SIZE"]) if inside() else 1


def number() -> int:
    """Which of them this one is, from 0."""
    return int(os.environ["RANK"]) if inside() else 0


def is_main() -> bool:
    """Whether this is the one that writes results."""
    return number() == 0


def least(value: int) -> int:
    """The least of what the processes give; all of them must ask."""
    if count() == 1:
        return value
    import torch
    from torch import distributed

    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    shared = torch.tensor(value, dtype=torch.int64, device=device)
    distributed.all_reduce(shared, distributed.ReduceOp.MIN)
    return int(shared)


def all_say(holds: bool) -> bool:
    """Whether it holds for all processes, so that all of them go on or none; all must ask."""
    return bool(least(int(holds)))


def wait() -> None:
    """Return when all processes are here."""
    least(0)
