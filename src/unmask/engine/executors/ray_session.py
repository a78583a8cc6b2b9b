"""A session with Ray: connected, or started on this machine; and what is said where that fails."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from typing import Any

from unmask.core import stopping
from unmask.core.errors import SettingError
from unmask.engine.executors import ray_head

PREFERRED = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_SCHEDULER_EVENTS": "0",
}
"""Ray reads these when it is imported; what the user has set stays."""

LONGEST = 300
"""Characters of what Ray says, at most."""

TOKEN = (
    "If it asks for a token: `export RAY_AUTH_MODE=token`, and RAY_AUTH_TOKEN or (a file)"
    " RAY_AUTH_TOKEN_PATH as on its head."
)
NODE = (
    "This computer must be a node of it: `ray start --address HOST:PORT`, or hand the command over"
    " with `ray job submit`."
)


@contextlib.contextmanager
def connected(address: str, workers: int) -> Generator[Any]:
    """The library, connected to a cluster (or with "" to this machine) and disconnected after it; a
    connection that is there already is used and left. Raises SettingError where there is none."""
    for name, value in PREFERRED.items():
        os.environ.setdefault(name, value)
    try:
        import ray as library
    except ImportError:
        raise SettingError("The executor 'ray' needs Ray: pip install 'unmask[ray]'.") from None
    ray: Any = library
    # What Ray tells of lost workers and nodes, it prints; standard output is for results.
    with contextlib.redirect_stdout(sys.stderr):
        if ray.is_initialized():
            check_same(ray.get_runtime_context().gcs_address, address)
            yield ray
            return
        if address:
            check_address(address)
        with contextlib.nullcontext(address) if address else started(ray, workers) as head:
            try:
                with signals_kept():
                    connect(ray, head)
                yield ray
            finally:
                ray.shutdown()


@contextlib.contextmanager
def started(ray: Any, workers: int) -> Generator[str]:
    """Ray on this machine, which ends with the block or with this process: its address. Raises
    SettingError where it does not start."""
    # Ray lets a cluster that it starts ask for a token; this process must then give it.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    ray._raylet.Config.initialize("")  # the variable was read when Ray was imported
    cpus = workers or len(os.sched_getaffinity(0))
    command = [sys.executable, "-P", ray_head.__file__, str(cpus)]
    # In a session of its own: `timeout` or the end of a job would otherwise end Ray's processes
    # together with us, and a minute later Ray ends whoever still asks them something.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as head:
        assert head.stdout
        answer = json.loads(head.stdout.readline() or '{"error": "it ended without a word"}')
        if "error" in answer:
            raise SettingError(
                f"Ray does not start on this machine ({in_a_line(answer['error'])})."
            )
        yield answer["address"]


def connect(ray: Any, address: str) -> None:
    """Connect to the cluster at this address; raises SettingError."""
    try:
        ray.init(address, log_to_driver=False, logging_level="error")
    except Exception as error:  # the bare class, where a node does not answer in time
        raise SettingError(
            f"No connection to the Ray cluster at {address} ({told(error)}). {TOKEN} {NODE}"
        ) from error


def check_same(connected_to: str, address: str) -> None:
    """Raise SettingError where this process is connected to another cluster than is wanted."""
    if address not in ("", "auto", connected_to):
        raise SettingError(
            f"This process is connected to the Ray cluster at {connected_to}, and not to {address}:"
            " call ray.shutdown() first, or leave executor.address away."
        )


def check_address(address: str) -> None:
    """Raise SettingError where nobody answers at host:port; Ray itself would try for long."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdigit() or "/" in address:
        raise SettingError(
            f"executor.address={address!r} is no address of a cluster. Write HOST:PORT of its head"
            " (the port is 6379 unless it was given another), or auto for the one on this machine."
        )
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"No Ray cluster answers at {address} ({error}). Start one with `ray start --head`, or"
            " leave executor.address away to use this machine."
        ) from None


@contextlib.contextmanager
def signals_kept() -> Generator[None]:
    """Ray sets handlers of its own when it connects; the process keeps those that it had. Raises
    Stopped for a signal that arrived meanwhile, which Ray's handler takes for an exit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except SystemExit as end:
        if end.code == signal.SIGTERM:
            stopping.stop(signal.SIGTERM)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def told(error: BaseException) -> str:
    """An error, or what Ray's own was made of, in a line without the cluster's tracebacks."""
    cause: BaseException = getattr(error, "cause", None) or error
    return in_a_line(f"{type(cause).__name__}: {cause}")


def in_a_line(text: str) -> str:
    """The beginning of a text, in one line."""
    return " ".join(text.split())[:LONGEST]
