"""Resuming: where a training keeps what it goes on from after it was killed, and which of that is
whole; no torch."""

from __future__ import annotations

from pathlib import Path

from unmask.training.efficiency import Efficiency
from unmask.training.ranks import world


def own_scratch(folder: Path, efficiency: Efficiency) -> Path:
    """Where in `folder` a training resumes from: what several processes have kept is of use to as
    many alone."""
    if efficiency.ranks == 1:
        return folder
    return folder / f"of-{efficiency.ranks}{'-sharded' if efficiency.sharded else ''}"


def last_checkpoint(scratch: Path) -> str | None:
    """The newest complete trainer checkpoint of an earlier, killed attempt."""
    folders = scratch.glob("checkpoint-*")
    checkpoints = sorted(folders, key=lambda folder: int(folder.name.split("-")[1]))
    complete = [folder for folder in checkpoints if is_complete(folder)]
    return str(complete[-1]) if complete else None


def is_complete(checkpoint: Path) -> bool:
    """Whether all of a trainer checkpoint was written: its state is last, and each of several
    processes writes that of its random numbers by itself."""
    random = [f"rng_state_{rank}.pth" for rank in range(world.count())]
    written = ["trainer_state.json", *(random if world.count() > 1 else [])]
    return all((checkpoint / name).is_file() for name in written)
