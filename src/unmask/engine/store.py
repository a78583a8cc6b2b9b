"""Store: where finished steps live. Write to scratch, manifest last, atomic rename; a digest guards
every file.

    STORE/steps/<name>-<first 16 of key>/    a finished result and its manifest.json
    STORE/scratch/<first 16 of key>/ATTEMPT/ out/ (being written) and scratch/ (what a killed
                                             training resumes from); see engine/attempts.py
    STORE/locks/<first 16 of key>            held by the process that works on the key; see
                                             engine/locks.py
    STORE/runs/<run>/                        run.json, results.jsonl, report.html

Training checkpoints in scratch are the trainer's own (optimizer state as torch writes it); they
never reach steps/, which holds JSON, JSON lines and safetensors only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from unmask.core import progress
from unmask.core.errors import DataError, StoreError, UnknownName, UnmaskError
from unmask.core.files import file_digest, folder_files, read_json, write_json
from unmask.core.json_rows import expanded
from unmask.engine.attempts import Attempt, begin
from unmask.engine.locks import LOCKS, VARIABLE, agree, usual
from unmask.engine.manifest import FILE, Manifest
from unmask.engine.step import Step

UNWRITABLE = (
    *(errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EIO, errno.ESTALE),
)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNSYNCED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""What disks say that sync files but no folders."""

DEFAULT_STORE = "unmask-store"

PATIENCE = 60.0
"""Seconds that a machine may take to see what another one has published: what NFS remembers of a
folder is at most so old."""

TRUST_UNCHANGED = 64 * 2**20
"""Files above this many bytes are digested again only if their size or time changed since they were
written."""


@dataclasses.dataclass(frozen=True)
class Store:
    """Finished steps under `root`; `locks` is how processes keep out of each other's work: by the
    system, or files."""

    root: Path
    locks: str = "system"

    @staticmethod
    def at(path: str | Path | None = None) -> Store:
        """The store at `path`, else at $UNMASK_STORE, else ./unmask-store.

        $UNMASK_LOCKS names its locks, else the store or its disk decides. Raises StoreError for a
        file.
        """
        root = expanded(path or os.environ.get("UNMASK_STORE") or DEFAULT_STORE).absolute()
        if os.path.isfile(root):  # noqa: PTH113 - the other one raises for a name that is too long
            raise StoreError(f"{root} is a file, and a store is a folder. Use --store DIR.")
        return Store(root, locks=os.environ.get(VARIABLE) or usual(root))

    def __post_init__(self) -> None:
        if self.locks not in LOCKS:
            raise UnknownName(f"kind of lock ({VARIABLE})", self.locks, LOCKS)

    def folder(self, step: Step) -> Path:
        """Where the result of `step` is, or will be."""
        return self.root / "steps" / f"{step.name}-{step.key[:16]}"

    def find(self, step: Step) -> Manifest | None:
        """The manifest of an intact result, else None; a damaged one is said, and left for `make`
        to replace."""
        folder = self.folder(step)
        if not self._there(folder):
            return None
        flaw, manifest = inspect_folder(folder, step.key)
        if flaw is None:
            return manifest
        progress.say(f"store: {folder.name} is damaged ({flaw}): it must be made again.")
        return None

    def _there(self, folder: Path) -> bool:
        """Whether a result is there. A machine may remember of a shared disk that it was not, until
        the folder around it has changed."""
        if not folder.exists() and self.locks == "files":
            with contextlib.suppress(OSError):
                os.utime(folder.parent)
        return folder.exists()

    def await_folder(self, step: Step) -> Path:
        """The folder of a result that was published, perhaps a moment ago by another machine.

        Raises StoreError where it is not to be seen here within PATIENCE seconds.
        """
        folder, deadline = self.folder(step), time.monotonic() + PATIENCE
        while not self._there(folder / FILE):
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{folder} is finished, and {platform.node()} does not see it. A store that"
                    " several machines use is on a disk that all of them have at the same path."
                )
            time.sleep(0.2)
        return folder

    def discard(self, folder: Path) -> None:
        """Move a folder out of the way at once, then delete it; another process may do the same."""
        grave = (
            self.root / "scratch" / f"discarded-{folder.name}-{os.getpid()}-{time.monotonic_ns()}"
        )
        grave.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)

    def make(
        self, step: Step, work: Callable[[Path, Path], Mapping[str, Any]]
    ) -> tuple[Manifest, bool]:
        """Do `work(out, scratch)` and publish `out`; returns the manifest and whether it was
        already there.

        Waits while another process works on the same key, and then takes its result. Raises
        StoreError when the disk is full; nothing half-written is ever published.
        """
        short = step.key[:16]
        with translated(self.root):
            while True:
                with self._locked(short):
                    finished = self.find(step)
                    if finished is not None:
                        return finished, True
                    self.discard(self.folder(step))
                    attempt = begin(self.root / "scratch" / short)
                    try:
                        return self._tried(step, attempt, work), False
                    except Exception:
                        if attempt.ours:
                            raise
                progress.say(
                    f"store: {short} was taken over while this process worked on it: waiting for"
                    " the result."
                )

    def _tried(
        self, step: Step, attempt: Attempt, work: Callable[[Path, Path], Mapping[str, Any]]
    ) -> Manifest:
        start = time.monotonic()
        facts = work(attempt.out, attempt.scratch)
        seconds = time.monotonic() - start
        manifest = Manifest.of_folder(attempt.out, step.key, step.identity, seconds, facts)
        self._publish(attempt, self.folder(step), manifest)
        shutil.rmtree(attempt.folder.parent, ignore_errors=True)
        return manifest

    def _publish(self, attempt: Attempt, final: Path, manifest: Manifest) -> None:
        out = attempt.out
        for path in folder_files(out):
            with open(out / path, "rb") as file:
                os.fsync(file.fileno())
        write_json(out / FILE, manifest.json())
        final.parent.mkdir(parents=True, exist_ok=True)
        if not attempt.ours:  # writing may have made the folder anew, without what went with it
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(out))
        try:
            out.rename(final)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            # Somebody published the same key first: the same work, so theirs is as good.
        sync_folder(final.parent)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Generator[None]:
        def wait() -> None:
            progress.say(f"store: another process works on {name}; waiting for its result.")

        agree(self.root, self.locks)
        with LOCKS[self.locks](self.root / "locks" / name, wait):
            yield

    def abandoned(self) -> list[Path]:
        """Scratch folders that no living process holds: what was discarded, and work that was
        killed."""
        unheld: list[Path] = []
        for folder in sorted((self.root / "scratch").glob("*")):
            with LOCKS[self.locks](self.root / "locks" / folder.name, None) as held:
                if held:
                    unheld.append(folder)
        return unheld

    def manifests(self) -> Iterator[tuple[Path, Manifest | None]]:
        """Every folder under steps/ with its manifest; None where that cannot be read."""
        for folder in sorted((self.root / "steps").glob("*-*")):
            try:
                yield folder, Manifest.of_json(read_json(folder / FILE))
            except (DataError, KeyError, TypeError):
                yield folder, None

    def lookup(self, prefix: str) -> tuple[Path, Manifest]:
        """The one result whose key, or folder name, starts with `prefix`; raises StoreError."""
        hits = [
            (folder, manifest)
            for folder, manifest in self.manifests()
            if manifest and (manifest.key.startswith(prefix) or folder.name.startswith(prefix))
        ]
        if len(hits) == 1:
            return hits[0]
        if hits:
            names = ", ".join(folder.name for folder, _ in hits[:8])
            raise StoreError(
                f"'{prefix}' could be any of {len(hits)} results: {names}. Write more of the key."
            )
        raise StoreError(
            f"No result in {self.root} has a key that starts with '{prefix}'. See `unmask store"
            " ls`, and for runs `unmask runs`."
        )


def inspect_folder(
    folder: Path, key: str | None = None, every: bool = False
) -> tuple[str | None, Manifest | None]:
    """What is wrong with a result (None: nothing), and its manifest. `every` digests large
    unchanged files too."""
    try:
        manifest = Manifest.of_json(read_json(folder / FILE))
    except (DataError, KeyError, TypeError):
        return "its manifest cannot be read", None
    if key is not None and manifest.key != key:
        return "it belongs to another key", manifest
    for name, recorded in manifest.files.items():
        path = folder / name
        try:
            stat = path.stat()
        except OSError:
            return f"{name} is missing", manifest
        if stat.st_size != recorded["size"]:
            return f"{name} has {stat.st_size} bytes instead of {recorded['size']}", manifest
        unchanged = stat.st_mtime_ns == recorded["mtime_ns"] and stat.st_size > TRUST_UNCHANGED
        if (every or not unchanged) and file_digest(path) != recorded["sha256"]:
            return f"{name} has other bytes than were written", manifest
    return None, manifest


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in UNSYNCED:
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def translated(root: Path) -> Generator[None]:
    """Turn a full disk or a forbidden folder into a StoreError that says what to do."""
    try:
        yield
    except UnmaskError:
        raise
    except Exception as error:
        # Writers of weights wrap the system's error in one of their own, so its text is asked too.
        full = isinstance(error, OSError) and error.errno in FULL
        if full or re.search(
            r"no space left|file too large|os error (27|28|122)\b", str(error), re.IGNORECASE
        ):
            raise StoreError(
                f"The disk that holds {root} is full. Finished steps are safe: free some space "
                "(`unmask store gc` removes what no run uses) and run the same command again."
            ) from error
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            raise StoreError(
                f"{error.filename or root} cannot be written: {error.strerror}. Use --store DIR."
            ) from error
        raise
