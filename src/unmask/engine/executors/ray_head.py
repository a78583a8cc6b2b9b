"""The head of a Ray on this machine: a program that starts it, says as JSON its address or why
there is none, and ends it when its own standard input ends.

`python -P ray_head.py CPUS`; it imports nothing of ours, so that it runs wherever Ray is installed.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

OBJECTS = 128 * 2**20
"""Bytes of this machine's memory for what passes between tasks: a step and its outcome are small,
results go through the store."""

TRIES = 2
"""Ray gives up a node that a busy machine has not started within 15 seconds."""


def main(cpus: int) -> None:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            told = {"address": start(cpus, TRIES)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the run that waits is told
        told = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(told), flush=True)
    sys.stdin.read()


def start(cpus: int, tries: int) -> str:
    """Its address. Ray ends it when this process leaves, and the kernel where it is killed."""
    import ray as library

    ray: Any = library
    quiet = {"log_to_driver": False, "logging_level": "error", "include_dashboard": False}
    try:
        ray.init("local", num_cpus=cpus, object_store_memory=OBJECTS, **quiet)
    except Exception:
        ray.shutdown()
        if tries == 1:
            raise
        return start(cpus, tries - 1)
    return ray.get_runtime_context().gcs_address


if __name__ == "__main__":
    main(int(sys.argv[1]))
