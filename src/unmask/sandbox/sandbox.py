"""Runs one program in an isolation, within limits, and says what came of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Any

from unmask.core.errors import UnmaskError
from unmask.sandbox.isolation import DEVICES, Isolation, command, library
from unmask.sandbox.limits import Limits

NOBODIES = range(61440, 65535)
"""Who a program runs as where we are root, whose number of processes the kernel does not limit: one
drawn for each run, because the kernel counts the processes of a user, and programs that run at once
must not count against each other."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What the program wrote to stdout and stderr, cut to the limit; whether its wall time ran out;
    and the signal that ended it: SIGXCPU where its processor time ran out, 0 where there was none.
    """

    output: str
    timed_out: bool
    killed_by: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sandbox:
    """Runs Python programs, by the interpreter that runs us and its standard library; made by
    `find_sandbox`."""

    isolation: Isolation
    limits: Limits = dataclasses.field(default_factory=Limits)

    def run(self, program: str, stdin: str = "") -> Outcome:
        """Run a program to its end or its limits; no process of it is left. Raises UnmaskError if
        it was not begun."""
        job = json.dumps({"program": program, **self._job()}).encode() + b"\n" + stdin.encode()
        # Files, not pipes: one that never reads cannot block us, and the limit on files holds for
        # what is written.
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as written:
            given.write(job)
            given.seek(0)
            code, timed_out = self._ended(given, written)
            written.seek(0)
            output = written.read(self.limits.file_kb * 1024).decode(errors="replace")
        if 0 < code < 128:  # `boot` gives 0, or 128 and the signal that ended the program
            raise UnmaskError(
                f"The sandbox ({self.isolation}) did not start:"
                f" {output[-300:].strip() or 'no word'}."
            )
        return Outcome(output, timed_out=timed_out, killed_by=max(code - 128, 0))

    def _ended(self, stdin: IO[bytes], output: IO[bytes]) -> tuple[int, bool]:
        """The exit status of our process, once it and all others of it have ended; and whether its
        time ran out."""
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as empty,
            subprocess.Popen(
                command(self.isolation, self.limits),
                stdin=stdin,
                stdout=output,
                stderr=output,
                cwd=empty,
                env={},
                start_new_session=True,
            ) as process,
            killed_after(self.limits.wall_seconds, process) as stopped,
        ):
            return process.wait(), stopped.is_set()

    def _job(self) -> dict[str, Any]:
        return {
            "limits": dataclasses.asdict(self.limits),
            "confined": self.isolation != "none",
            "shown": [*library(), *DEVICES] if self.isolation == "unshare" else [],
            "folder_kb": self.limits.folder_kb,
            "user": (
                secrets.choice(NOBODIES) if self.isolation != "none" and os.geteuid() == 0 else None
            ),
        }


@contextlib.contextmanager
def killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """Kill a process after so many seconds, and its whole group at the end of the block; the event
    is set where the time ran out."""
    stopped = threading.Event()
    clock = threading.Timer(seconds, lambda: (stopped.set(), process.kill()))
    clock.start()
    try:
        yield stopped
    finally:
        clock.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
