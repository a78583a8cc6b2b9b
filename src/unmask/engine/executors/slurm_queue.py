"""What Slurm says of its nodes, its queue and its jobs: by its own commands, none of which needs
accounting."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from unmask.core.errors import SettingError

HOURS = 3
"""Parts of a time with hours, minutes and seconds."""

NEVER = {
    *("PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints", "DependencyNeverSatisfied"),
    *("InvalidAccount", "InvalidQOS", "AccountNotAllowed", "QOSNotAllowed"),
    *("JobHoldMaxRequeue", "launch failed requeued held", "launch_failed_requeued_held"),
}
"""Why a job waits that waits for ever."""


GOING_ON = {
    *("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED", "STOPPED"),
    *("RESIZING", "SIGNALING", "STAGE_OUT"),
}
"""States of a job that has not ended."""


@dataclasses.dataclass(frozen=True)
class Node:
    """A kind of node of a partition: bytes of memory, and whether it has GPUs."""

    memory: int
    gpus: bool


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a job ended, in Slurm's words; `code` is exit status:signal. Empty where Slurm has
    forgotten it."""

    state: str = ""
    code: str = ""


def nodes(partition: str) -> list[Node]:
    """The kinds of nodes in a partition (several with commas; "": the default one).

    Raises SettingError where there is no Slurm, or none that answers.
    """
    if shutil.which("sbatch") is None:
        raise SettingError(
            "The executor 'slurm' needs Slurm's commands, and there is no sbatch here. Run this"
            " where you would run sbatch, such as a login node."
        )
    answer = asked("sinfo", "--noheader", "--exact", "--format=%P|%m|%G")
    if answer.returncode != 0:
        raise SettingError(f"Slurm does not answer here: {told(answer.stderr)}.")
    rows = [line.split("|") for line in answer.stdout.splitlines()]
    wanted = partition.split(",")
    return [
        Node(int(memory.rstrip("+")) * 2**20, "gpu" in generic)
        for name, memory, generic in rows
        if name.rstrip("*") in wanted or (not partition and name.endswith("*"))
    ]


def waiting(folder: Path) -> dict[str, str] | None:
    """Of every job that waits or runs and was submitted from `folder`, why it waits, in Slurm's
    words; None where Slurm does not answer."""
    answer = asked("squeue", "--me", "--array", "--noheader", "--format=%i|%r|%o")
    if answer.returncode != 0:
        return None
    rows = [line.split("|", 2) for line in answer.stdout.splitlines()]
    return {job: reason for job, reason, command in rows if Path(command).parent == folder}


def ending(job: str) -> Ending:
    """How a job ended; Slurm remembers it for minutes."""
    answer = asked("scontrol", "show", "job", "--oneliner", job)
    fields = dict(re.findall(r"\b(JobState|ExitCode)=(\S+)", answer.stdout))
    return Ending(fields.get("JobState", ""), fields.get("ExitCode", ""))


def cancel(jobs: Iterable[str]) -> None:
    """Cancel jobs; those that have ended are none of it."""
    asked("scancel", *jobs)


def asked(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"{command[0]} gave no answer in 60 s")


def told(errors: str) -> str:
    """What a command of Slurm had to say, as one line without its own name."""
    lines: Sequence[str] = errors.strip().splitlines()
    return "; ".join(re.sub(r"^\w+: (error: |fatal: )?", "", line).rstrip(".") for line in lines)


def minutes(time: str) -> int:
    """A time as Slurm writes it (M, M:S, H:M:S, D-H, D-H:M or D-H:M:S) in minutes, rounded up;
    raises SettingError."""
    days, dash, rest = time.rpartition("-")
    parts = rest.split(":")
    if not all(map(str.isdigit, [*parts, days if dash else "0"])) or len(parts) > HOURS:
        raise SettingError(f"time={time!r}: write it as Slurm does, 90 (minutes), 4:00:00, 1-12.")
    numbers = [int(part) for part in parts]
    if not dash and len(numbers) < HOURS:
        numbers = [0, *numbers]
    hours, minute, second = [*numbers, 0, 0][:HOURS]
    return (int(days or 0) * 24 + hours) * 60 + minute + (second > 0)
