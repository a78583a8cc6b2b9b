"""Failure: why a training on several devices ended, in one sentence that names the rank."""

from __future__ import annotations

import signal
from pathlib import Path

from unmask.core.errors import TrainingError, UnmaskError
from unmask.core.files import read_json
from unmask.training.efficiency import Efficiency
from unmask.training.ranks.job import LAUNCHER_LOG, Raised, log_file
from unmask.training.ranks.launcher import ALONE
from unmask.training.ranks.meeting import ADDRESS, SECONDS

AGAIN = "Run the same again: it goes on from the last checkpoint."


def failed(area: Path, efficiency: Efficiency, status: int) -> UnmaskError:
    """The error that says it: a rank that was killed comes before what others raised, who only miss
    it."""
    if status == ALONE:
        return TrainingError(
            f"nodes={efficiency.nodes}: they did not meet within {SECONDS} s. Start the line that"
            f" was said on each of the others. {ADDRESS} must name this node as they know it, and"
            f" {area} must be the same folder there."
        )
    for rank, number in killed(area):
        cause = because(area, rank, number)
        return TrainingError(
            f"Rank {rank} of {efficiency.ranks} was killed ({number}), {cause} {AGAIN}"
        )
    for raised in Raised.read(area):
        return raised.error(efficiency.ranks, log_file(area, raised.rank))
    return TrainingError(
        f"The {efficiency.ranks} processes of this training ended without a word (status"
        f" {status}). What they printed is in {area / LAUNCHER_LOG}. {AGAIN}"
    )


def because(area: Path, rank: int, number: str) -> str:
    """What a rank printed last, which is where native code says why it aborts; of one that was
    killed from outside, what is likely."""
    log = log_file(area, rank)
    printed = log.read_text(errors="replace").split("\n") if log.exists() else []
    lines = [line.strip() for line in printed if line.strip()]
    if number == signal.SIGKILL.name or not lines:
        return "perhaps for want of memory."
    return f"and had printed: {lines[-1][:200]}."


def hung(area: Path, efficiency: Efficiency, behind: list[int], step: int) -> UnmaskError:
    """The error for ranks that give no sign of life: those `behind`, or all of them."""
    if 0 < len(behind) < efficiency.ranks:
        told = f"Rank {', '.join(map(str, behind))} of {efficiency.ranks} hangs"
    else:
        told = f"All {efficiency.ranks} ranks hang"
    log = log_file(area, min(behind, default=0))
    return TrainingError(
        f"{told} in training step {step + 1}: nothing for {efficiency.patience} s. Where each of"
        f" them was is at the end of {log} and its like. {AGAIN} For steps that take longer, raise"
        " efficiency.patience."
    )


def killed(area: Path) -> list[tuple[int, str]]:
    """(rank, signal) of the ranks that a signal ended, but for what a launcher sends itself."""
    raised = {raised.rank for raised in Raised.read(area)}
    codes: dict[int, int] = {}
    for path in area.glob("ended-*.json"):  # one of each node
        codes |= {int(rank): code for rank, code in read_json(path).items()}
    return [
        (rank, signal.Signals(-code).name)
        for rank, code in sorted(codes.items())
        if code < 0 and -code != signal.SIGTERM and int(rank) not in raised
    ]
