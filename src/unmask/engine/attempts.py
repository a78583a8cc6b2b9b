"""An attempt at a step: a folder in which one process works, and no other one ever.

A process that was taken for dead may go on all the same, on a machine that had lost sight of the
disk, say. So whoever follows renames the dead one's folder before going on from what is in it: what
the other one still writes has nowhere to go, and it can publish nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import secrets
import shutil
from pathlib import Path

MARK = "begun"
"""An empty file in the folder of every attempt."""


@dataclasses.dataclass(frozen=True)
class Attempt:
    """`out` is empty at first and becomes the result; `scratch` has what an earlier attempt left to
    resume from."""

    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def ours(self) -> bool:
        """Whether nobody has taken it over: what makes missing folders when it writes would make
        this one anew, without the mark."""
        return (self.folder / MARK).exists()


def begin(area: Path) -> Attempt:
    """A new attempt in `area`, with the scratch of the newest one that is there."""
    folder = area / f"{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}"
    area.mkdir(parents=True, exist_ok=True)
    if not any(renamed(former, folder) for former in attempts(area)):
        folder.mkdir()
    out, scratch = folder / "out", folder / "scratch"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    scratch.mkdir(exist_ok=True)
    (folder / MARK).touch()
    return Attempt(folder)


def attempts(area: Path) -> list[Path]:
    """The folders of earlier attempts, the one that was worked in last first."""
    ages: dict[Path, int] = {}
    for folder in area.iterdir():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            ages[folder] = (folder / "scratch").stat().st_mtime_ns
    return sorted(ages, key=lambda folder: -ages[folder])


def renamed(former: Path, folder: Path) -> bool:
    """Whether an attempt could be taken over; somebody else may have been faster."""
    try:
        former.rename(folder)
    except FileNotFoundError:
        return False
    return True
