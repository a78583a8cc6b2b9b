"""Launch: a training on several devices, run by as many processes as there are devices.

Each has a part of every batch; gradients are averaged over all of them, so that a step is the same
as one device's but for rounding. The work of starting them is torch.distributed.run's.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from unmask.core import progress
from unmask.core.errors import SettingError
from unmask.core.files import read_json
from unmask.training.efficiency import Efficiency
from unmask.training.ranks import lifetime, signs, world
from unmask.training.ranks.failure import failed, hung
from unmask.training.ranks.job import FACTS, LAUNCHER_LOG, Job
from unmask.training.ranks.meeting import SECONDS, Meeting

Run = Callable[..., Mapping[str, Any]]

PATIENCE = 10.0
"""Seconds that a launcher has to end its ranks, before it is killed."""

GLANCE = 0.2
"""Seconds between two looks at how far the ranks are."""


def on_devices(run: Run) -> Run:
    """A training's `run`, for which `efficiency` may ask for several devices."""

    @functools.wraps(run)
    def whole(work: Any, out: Path, *, scratch: Path | None = None, **folders: Path) -> Any:
        if work.efficiency.ranks == 1 or not work.steps or world.inside():
            return run(work, out, scratch=scratch, **folders)
        facts = launched(work, out, scratch or out / "scratch", folders)
        if scratch is None:
            shutil.rmtree(out / "scratch", ignore_errors=True)
        return facts

    return whole


def launched(work: Any, out: Path, scratch: Path, folders: Mapping[str, Path]) -> Mapping[str, Any]:
    """Run a training in its processes; returns the facts of the first.

    Raises what the first of them to fail raised, TrainingError for one that was killed or hangs,
    SettingError where the devices or the other nodes are not there.
    """
    efficiency: Efficiency = work.efficiency
    check_devices(efficiency)
    meeting = Meeting.of(efficiency)
    job = Job.of(work, out, scratch, folders)
    area = Path(job.area)
    shutil.rmtree(area, ignore_errors=True)
    area.mkdir(parents=True)
    command = meeting.command(job.write(), job.attempt)
    label = f"{work.name} on {efficiency.ranks} devices"
    with (
        progress.bar(label, work.steps) as advance,
        started(command, area, efficiency) as launcher,
    ):
        status = watched(launcher, area, efficiency, advance)
    if not (area / FACTS).exists():  # the first writes them when all have done their part
        raise failed(area, efficiency, status)
    return read_json(area / FACTS)


@contextlib.contextmanager
def started(
    command: list[str], area: Path, efficiency: Efficiency
) -> Generator[subprocess.Popen[bytes]]:
    """The launcher, which ends with the block, and its ranks with it."""
    cores = len(os.sched_getaffinity(0))
    threads = {"OMP_NUM_THREADS": str(max(1, cores // efficiency.devices))}
    environment = {**threads, **os.environ, lifetime.PARENT: str(os.getpid())}
    with open(area / LAUNCHER_LOG, "wb") as log:
        launcher = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield launcher
    finally:
        launcher.terminate()
        try:
            launcher.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            launcher.kill()
            launcher.wait()


def watched(
    launcher: subprocess.Popen[bytes],
    area: Path,
    efficiency: Efficiency,
    advance: progress.Advance,
) -> int:
    """The launcher's exit status; raises TrainingError when no rank has given a sign of life for as
    long as `efficiency` has patience. The first may take SECONDS longer, while the nodes meet."""
    last: dict[int, signs.Sign] = {}
    done, heard = 0, time.monotonic() + SECONDS
    while launcher.poll() is None:
        time.sleep(GLANCE)
        given = signs.read(area)
        if given and given != last:
            last, heard = given, time.monotonic()
            step = max(sign.step for sign in given.values())
            advance(step - done)
            done = step
        elif time.monotonic() - heard > efficiency.patience:
            if efficiency.nodes == 1:  # elsewhere, the number is another process's
                show_where(last)
            raise hung(area, efficiency, behind(last), done)
    return launcher.returncode


def behind(last: Mapping[int, signs.Sign]) -> list[int]:
    """The ranks that have passed least."""
    least = min((sign.passed for sign in last.values()), default=0)
    return [rank for rank, sign in sorted(last.items()) if sign.passed == least]


def show_where(last: Mapping[int, signs.Sign]) -> None:
    """Have the ranks write where they are."""
    for sign in last.values():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(sign.process, signal.SIGUSR1)
    time.sleep(1)


def check_devices(efficiency: Efficiency) -> None:
    """Raise SettingError where this machine has GPUs, and fewer than a node is to use."""
    import torch

    there = torch.cuda.device_count()
    if 0 < there < efficiency.devices:
        raise SettingError(
            f"devices={efficiency.devices}: this machine has {there} GPU(s), and each process needs"
            f" one. Set devices={there}, or use more nodes."
        )
