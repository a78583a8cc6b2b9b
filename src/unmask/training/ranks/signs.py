"""Signs of life: each rank counts what it has come past in a small file, by which a rank that hangs
is noticed, and which one it is.

All ranks of a training come past the same places in the same order, so the one with the lowest
count is behind.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from pathlib import Path

from unmask.training.ranks import world

WIDTH = 80
"""Bytes of a sign: it is written over the one before."""

_file: int | None = None
_passed = 0


@dataclasses.dataclass(frozen=True)
class Sign:
    """How many places a rank has passed, the training steps it has finished, its process."""

    passed: int
    step: int
    process: int


def begin(area: Path) -> None:
    """Give signs in `area` from now on."""
    global _file
    _file = os.open(area / f"sign-{world.number()}.json", os.O_WRONLY | os.O_CREAT, 0o666)
    give(0)


def give(step: int) -> None:
    """Say that this process goes on, `step` steps of training behind it; nothing where nobody
    looks."""
    global _passed
    if _file is None:
        return
    _passed += 1
    text = json.dumps({"passed": _passed, "step": step, "process": os.getpid()}).ljust(WIDTH)
    os.pwrite(_file, text.encode(), 0)


def read(area: Path) -> dict[int, Sign]:
    """The newest sign of each rank that has given any."""
    signs: dict[int, Sign] = {}
    for path in area.glob("sign-*.json"):
        with contextlib.suppress(ValueError):  # one that is just being written
            signs[int(path.stem.partition("-")[2])] = Sign(**json.loads(path.read_text()))
    return signs
