"""Locks: one process at a time works on a key of a store.

The system's own lock ends with its process, whatever ends it. Some disks of clusters have none;
there a lock can be a file that its holder touches again and again, and that another process takes
over when nobody has for LEASE seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Generator
from io import TextIOWrapper
from pathlib import Path

from unmask.core import progress
from unmask.core.errors import StoreError

VARIABLE = "UNMASK_LOCKS"
LEASE = 120.0
"""Seconds without a sign of life after which a lock file is taken over; of a dead process of this
machine, at once."""

Wait = Callable[[], None]
"""What to do once before waiting for another process."""


@contextlib.contextmanager
def by_system(path: Path, wait: Wait | None) -> Generator[bool]:
    """Hold the system's lock on a file; without `wait`, yields False where another process has it.

    Raises StoreError where the disk has no such locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        held = flocked(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not held and wait is not None:
            wait()
            held = flocked(file, fcntl.LOCK_EX)
        yield held


def flocked(file: TextIOWrapper, flags: int) -> bool:
    """Whether the lock was to be had; raises StoreError where the disk has none."""
    try:
        fcntl.flock(file, flags)
    except BlockingIOError:
        return False
    except OSError as error:
        store = Path(file.name).parents[1]
        raise StoreError(
            f"The disk that holds {store} has no locks ({error.strerror}), without which two"
            " processes could do the same work in the same place. Use --store DIR on another disk,"
            f" or lock with files: `export {VARIABLE}=files`, for every process that uses this"
            " store."
        ) from error
    return True


@contextlib.contextmanager
def by_file(path: Path, wait: Wait | None) -> Generator[bool]:
    """Hold a lock file beside `path`; without `wait`, yields False where another process has it."""
    from filelock import SoftFileLease, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lease = SoftFileLease(
        path.with_name(f"{path.name}.lease"), lease_duration=LEASE, on_compromise=lost
    )
    try:
        lease.acquire(timeout=0)
    except Timeout:
        if wait is None:
            yield False
            return
        wait()
        lease.acquire(poll_interval=0.5)
    try:
        yield True
    finally:
        lease.release()


def lost(what: object) -> None:
    """Say that a lock file was taken away while its holder works."""
    progress.say(f"store: a lock file was lost ({what}); another process may now do the same work.")


LOCKS = {"system": by_system, "files": by_file}
