"""The launcher: the process that starts a node's ranks with torch.distributed.run, and ends all of
them when one fails.

`python -m unmask.training.ranks.launcher JOB DEVICES`; with several nodes, on each of them the same
line, `... JOB DEVICES NODES HOST:PORT SECONDS ATTEMPT`. Which ranks failed is written beside the
job.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from unmask.core.files import write_json
from unmask.training.ranks import lifetime, world


def main(
    path: Path,
    devices: str,
    nodes: str = "1",
    address: str = "",
    seconds: str = "600",
    attempt: str = "alone",
) -> int:
    """Exit status 1 where a rank failed or the nodes did not meet."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError
    from torch.distributed.run import parse_args, run

    os.environ.update({world.JOB: str(path), lifetime.PARENT: str(os.getpid())})
    # Alone, by the loop-back address: the name of a laptop may lead nowhere.
    place = ["--rdzv-endpoint", address or "127.0.0.1:0"]
    place += [] if address else ["--local-addr", "127.0.0.1"]
    options = ["--nnodes", nodes, "--nproc-per-node", devices, "--max-restarts", "0"]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-id", attempt]
    meeting += ["--rdzv-conf", f"join_timeout={seconds}"]
    worker = ["-m", "unmask.training.ranks.worker", str(path)]
    try:
        run(parse_args([*options, *meeting, *place, *worker]))
    except ChildFailedError as error:
        write(path, {rank: failure.exitcode for rank, failure in error.failures.items()})
        return 1
    except RendezvousError as error:
        print(error, file=sys.stderr)
        return ALONE
    return 0


ALONE = 3
"""Exit status where the other nodes did not come."""


def write(path: Path, codes: dict[int, int]) -> None:
    """Beside the job, the exit status of the ranks of this node that failed."""
    name = f"ended-{socket.gethostname()}-{os.getpid()}.json"
    write_json(path.with_name(name), {str(rank): code for rank, code in codes.items()})


if __name__ == "__main__":
    lifetime.end_with_parent(signal.SIGTERM)
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
