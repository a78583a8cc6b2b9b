"""A rank: the process that the launcher starts for each device. It runs the training, with what
only one may write left to the first.

`python -m unmask.training.ranks.worker JOB`, under torch.distributed.run.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from unmask.core.files import write_json
from unmask.training.ranks import lifetime, signs, world
from unmask.training.ranks.job import FACTS, Job, Raised, log_file


def main(path: Path) -> int:
    """Exit status 1 where the training failed, which is then written beside the job."""
    job = Job.read(path)
    area = Path(job.area)
    logged(area)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    signs.begin(area)
    try:
        run(job, area)
    except Exception as error:  # noqa: BLE001 - whatever it is, the process that waits is told
        raised = Raised.of(world.number(), error)
        raised.write(area)
        print(raised.traceback, file=sys.stderr, flush=True)
        return 1
    return 0


def run(job: Job, area: Path) -> None:
    """Run the training. Ranks besides the first write their result where nobody looks."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    facts: Mapping[str, Any] = {}
    if world.is_main():
        facts = job.run(Path(job.out))
    else:
        with tempfile.TemporaryDirectory(prefix="unmask-rank-") as nowhere:
            job.run(Path(nowhere))
    if torch.distributed.is_initialized():
        world.wait()  # a process that ends before the others can abort them
    if world.is_main():
        write_json(area / FACTS, dict(facts))  # last: that they are there says that all are done


def leave(status: int) -> NoReturn:
    """End this process without taking the interpreter down. Threads of the process group and of
    autograd still run then, and one that asks for the interpreter's lock too late aborts the
    process, after all its work is done."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def logged(area: Path) -> None:
    """Let all that this process prints be a file of its own in `area`."""
    file = os.open(log_file(area, world.number()), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())


if __name__ == "__main__":
    # First of all: a rank that outlived its launcher would write where a second attempt does.
    lifetime.end_with_parent(signal.SIGKILL)
    leave(main(Path(sys.argv[1])))
