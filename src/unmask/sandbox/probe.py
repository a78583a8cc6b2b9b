"""Probe: an isolation is believed once a program that tries to get out of it has not got out."""

from __future__ import annotations

import functools
import inspect
import json
import os
import shutil
import socket
import tempfile

from unmask.core.errors import SettingError, UnmaskError
from unmask.sandbox.isolation import TOOLS, Isolation
from unmask.sandbox.limits import Limits
from unmask.sandbox.sandbox import Sandbox


def find_sandbox(limits: Limits | None = None, allow_unsafe: bool = False) -> Sandbox:
    """The best sandbox that this machine has, probed once a process.

    Raises SettingError where no isolation holds, unless `allow_unsafe`: then only the limits hold,
    and a program sees the network and every file that the user sees.
    """
    reasons: list[str] = []
    for isolation in TOOLS:
        if not (reason := escapes(isolation)):
            return Sandbox(isolation=isolation, limits=limits or Limits())
        reasons.append(f"{isolation}: {reason}")
    if allow_unsafe:
        return Sandbox(isolation="none", limits=limits or Limits())
    raise SettingError(
        f"This machine cannot isolate programs that a model wrote ({'; '.join(reasons)}), and none"
        " is run without. Install bubblewrap, or use a Linux machine that allows user namespaces."
        " Only where the whole machine may be lost, such as a throw-away virtual machine, set"
        " allow_unsafe=true."
    )


@functools.cache
def escapes(isolation: Isolation) -> str:
    """Why this isolation is not to be trusted here; "" if the probe found no way out."""
    if isolation in TOOLS and shutil.which(TOOLS[isolation]) is None:
        return f"{TOOLS[isolation]} is not installed"
    limits = Limits(cpu_seconds=5, wall_seconds=30)
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.NamedTemporaryFile() as secret:
        text = (
            f"{inspect.getsource(probe)}\nprobe({server.getsockname()[1]}, {secret.name!r},"
            f" {4 * limits.processes})"
        )
        try:
            output = Sandbox(isolation=isolation, limits=limits).run(text).output
        except (UnmaskError, OSError) as error:
            return f"{error}".rstrip(".")
    try:
        reached = json.loads(output)
    except ValueError:
        return f"its probe failed and said {output[-200:]!r}"
    ways = {
        "a program reaches the network": reached["connected"],
        "a program sees our files": reached["file"],
        "a program sees our environment": bool(
            set(reached["environment"]) & ({*os.environ} - {"LC_CTYPE", "PWD"})
        ),
        "the number of processes is not limited": reached["forks"] > limits.processes,
    }
    return ", ".join(way for way, is_open in ways.items() if is_open)


def probe(port: int, secret: str, forks: int) -> None:
    """Try to get out, and print how far that went."""
    import json
    import os
    import socket
    import time
    from pathlib import Path

    connected = True
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        connected = False
    begun = 0
    try:
        while begun < forks:
            if os.fork() == 0:
                # Alive, so that it counts against the limit, until all are killed with the probe.
                time.sleep(60)
                os._exit(0)
            begun += 1
    except OSError:
        pass
    reached = {
        "connected": connected,
        "file": Path(secret).exists(),
        "environment": list(os.environ),
        "forks": begun,
    }
    print(json.dumps(reached))
