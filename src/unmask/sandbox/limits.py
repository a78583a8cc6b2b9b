"""Limits: what a program may use of the machine."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from unmask.core.errors import SettingError
from unmask.core.named import Named

FOLDER_FILES = 16
"""How many files of the largest size a program's folder holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits(Named):
    """What a program may use: seconds, MiB a process, KiB a file (its output is one), processes and
    threads at once.

    CPU time is each process's own, so that a busy machine does not change the verdict on a program
    that only computes.
    """

    name: ClassVar[str] = "sandbox_limits"
    version: ClassVar[int] = 1

    cpu_seconds: int = 3
    wall_seconds: int = 12
    memory_mb: int = 512
    file_kb: int = 1024
    processes: int = 8

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) < 1:
                raise SettingError(
                    f"{field.name}={getattr(self, field.name)}: a limit is a whole number from"
                    " 1 on."
                )

    @property
    def folder_kb(self) -> int:
        """KiB of all files together."""
        return FOLDER_FILES * self.file_kb
