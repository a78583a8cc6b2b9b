"""A lease: a lock made of ordinary files, for disks that several machines share.

A name has generations, the files 1, 2, 3, ... of its folder. Each is a hard link to a file of the
process that holds it; of two processes that link the same number, the disk refuses one. The newest
is the lease, and nothing ever moves or removes it: whoever takes it over links the next number. It
is free when it is empty (given back) or when nobody has touched it for LEASE seconds. Renaming a
dead holder's file away instead would, now and then, rename a living one's, and disks such as NFS
refuse to swap two names at once.

Times are the disk's own, so the clocks of the machines may differ.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import platform
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

from unmask.core import progress
from unmask.core.errors import StoreError

LEASE = 120.0
"""Seconds without a sign of life after which a lease is taken over; of a dead process of this
machine, at once. Disks that several machines share may show a time that is a minute old."""

BEATS = 8
"""Signs of life in LEASE seconds."""

KEPT = 10
"""Files of a lease's folder are kept for so many times LEASE."""

UNLINKED = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
"""What disks without hard links say."""


class Lease:
    """This process's part in the lease on a folder's name."""

    def __init__(self, folder: Path):
        self.folder, self.number = folder, 0
        folder.mkdir(parents=True, exist_ok=True)
        place = f"{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.own = folder / place
        self.own.write_text(json.dumps({"machine": machine(), "process": os.getpid()}))
        self._stop = threading.Event()

    def take(self) -> bool:
        """Whether the lease is this process's now; if so, it gives signs of life until it is given
        back. Raises StoreError where the disk has no hard links."""
        newest = self.newest()
        os.utime(self.own)
        if newest and not self._free(newest):
            return False
        self.number = newest + 1
        self._link()
        # A network disk may lose the answer to a link, and may have shown an old list before it.
        linked = self.own.stat().st_nlink == 2
        if linked and self.newest() == self.number:
            self._sweep()
            threading.Thread(target=self._beat, daemon=True).start()
            return True
        if linked:
            self._file(self.number).unlink(missing_ok=True)
        return False

    def give_back(self) -> None:
        """Let others have it; harmless where it is not, or no longer, this process's."""
        self._stop.set()
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self.own, 0)
            self.own.unlink()

    def newest(self) -> int:
        """The newest generation, 0 where there is none."""
        return max(self._numbers(), default=0)

    def _numbers(self) -> Iterator[int]:
        names = (entry.name for entry in os.scandir(self.folder))
        return (int(name) for name in names if name.isdecimal())

    def _file(self, number: int) -> Path:
        return self.folder / str(number)

    def _free(self, newest: int) -> bool:
        try:
            text, last = self._file(newest).read_text(), self._file(newest).stat()
        except FileNotFoundError:  # an old list: look again
            return False
        return not text or self.own.stat().st_mtime - last.st_mtime > LEASE or died(text)

    def _link(self) -> None:
        try:
            os.link(self.own, self._file(self.number))
        except FileExistsError:
            return
        except OSError as error:
            if error.errno not in UNLINKED:
                raise
            raise StoreError(
                f"The disk that holds {self.folder} has no hard links ({error.strerror}), which"
                " locks by files are made of. Use --store DIR on another disk."
            ) from error

    def _beat(self) -> None:
        """Give a sign of life again and again; say so once another process has taken over."""
        while not self._stop.wait(LEASE / BEATS):
            try:
                os.utime(self.own)
                if self.newest() == self.number:
                    continue
            except FileNotFoundError:
                pass
            except OSError:  # a server that is away for a moment; others see no sign of life
                continue
            if not self._stop.is_set():
                progress.say(f"store: the lock {self.folder} was taken over by another process.")
            return

    def _sweep(self) -> None:
        """Remove what dead processes and earlier generations left here long ago."""
        now = self.own.stat().st_mtime
        for entry in list(os.scandir(self.folder)):
            with contextlib.suppress(FileNotFoundError):
                if now - entry.stat().st_mtime > KEPT * LEASE:
                    Path(entry.path).unlink()


def died(text: str) -> bool:
    """Whether a holder was a process of this machine, and is no more."""
    import psutil

    try:
        holder = json.loads(text)
    except ValueError:  # being written or given back
        return False
    return holder["machine"] == machine() and not psutil.pid_exists(holder["process"])


@functools.cache
def machine() -> str:
    """Where process numbers mean the same: this start of this machine, and this container of it."""
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{start} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no file's path
    except OSError:
        return platform.node()
