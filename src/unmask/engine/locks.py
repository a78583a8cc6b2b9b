"""Locks: one process at a time works on a key of a store.

The system's own lock ends with its process, whatever ends it. It reaches no further than one
machine on some disks that several share, and some have none: there a lock is a lease
(engine/leases.py), whose holder gives signs of life. A store keeps to the kind it began with.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Generator
from io import TextIOWrapper
from pathlib import Path

from unmask.core.errors import StoreError
from unmask.engine.leases import Lease

VARIABLE = "UNMASK_LOCKS"
KIND = "kind"
"""The file beside a store's locks that says of which kind they are."""

PAUSE = 0.5
"""Seconds between two looks at a lease that another process holds."""

SHARED = (
    *("nfs", "lustre", "gpfs", "beegfs", "ceph", "cifs", "smb", "afs", "orangefs", "pvfs2"),
    *("9p", "fuse.glusterfs", "fuse.ceph", "fuse.sshfs", "fuse.beegfs", "fuse.juicefs"),
)
"""What the types of file systems that several machines share begin with."""

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
    """Hold the lease on files beside `path`; without `wait`, yields False where another process has
    it.

    Raises StoreError where the disk has no hard links.
    """
    lease = Lease(path.with_name(f"{path.name}.lease"))
    try:
        held = lease.take()
        if not held and wait is not None:
            wait()
            while not (held := lease.take()):
                time.sleep(PAUSE)
        yield held
    finally:
        lease.give_back()


LOCKS = {"system": by_system, "files": by_file}


def usual(root: Path) -> str:
    """The kind of lock for the store at `root`: the one that its processes use already, else the
    one that suits its disk."""
    return agreed(root) or ("files" if disk_of(root).startswith(SHARED) else "system")


def agreed(root: Path) -> str | None:
    """The kind that the processes of a store use; None where none has locked anything yet."""
    path = root / "locks" / KIND
    # A place that cannot be is said where something is written to it; pathlib's would raise here.
    if not os.path.isfile(path):  # noqa: PTH113
        return None
    return path.read_text(encoding="ascii").strip() or None


def agree(root: Path, kind: str) -> None:
    """Leave word of the kind that is used here; raises StoreError where it is another one, since
    locks of two kinds do not see each other."""
    path = root / "locks" / KIND
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(path, "x", encoding="ascii") as file:
            file.write(f"{kind}\n")
    except FileExistsError:
        other = agreed(root)
        if other not in (kind, None):
            raise StoreError(
                f"The store {root} is locked by '{other}', and this process would lock it by"
                f" '{kind}': neither would see the other. Set {VARIABLE}={other}, or, while nothing"
                f" uses the store, remove {path}."
            ) from None


def disk_of(root: Path) -> str:
    """The type of file system that holds a folder, as the system names it ("ext4", "nfs4"); "" if
    unknown."""
    import psutil

    disks = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    place = root.resolve()
    return next((disks[folder] for folder in (place, *place.parents) if folder in disks), "")
