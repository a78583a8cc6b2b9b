"""Locks of a store: by the system, by files where a disk has none, and what is said on disks that
refuse."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import StoreError, UnknownName
from unmask.engine import leases, locks
from unmask.engine.locks import LOCKS
from unmask.engine.store import Store, sync_folder, translated

by_kind = pytest.mark.parametrize("kind", LOCKS)
FORK = multiprocessing.get_context("fork")


@pytest.mark.parametrize(
    "number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL, errno.EIO]
)
def test_a_disk_without_locks_is_said_and_files_serve_instead(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    path = tmp_path / "locks" / "key"
    with (
        pytest.raises(
            StoreError, match=f"{tmp_path} has no locks.*--store DIR.*UNMASK_LOCKS=files"
        ),
        held(path),
    ):
        pass
    with held(path, "files") as holding:
        assert holding


def held(path: Path, kind: str = "system", wait: Callable[[], None] | None = None) -> Any:
    return LOCKS[kind](path, wait)


def hold(path: Path, kind: str, begun: Path) -> None:
    """Hold a lock until killed."""
    with held(path, kind, wait=lambda: None):
        begun.touch()
        time.sleep(60)


@by_kind
def test_a_lock_is_one_process_s_until_it_dies(kind: str, tmp_path: Path) -> None:
    path, begun, told = tmp_path / "locks" / "key", tmp_path / "begun", list[str]()
    holder = FORK.Process(target=hold, args=(path, kind, begun))
    holder.start()
    deadline = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert holder.pid is not None
    with held(path, kind) as holding:
        assert not holding
    (tmp_path / "scratch" / "key").mkdir(parents=True)
    assert Store(tmp_path, locks=kind).abandoned() == []

    def wait() -> None:
        told.append("waiting")
        os.kill(holder.pid or 0, signal.SIGKILL)
        holder.join()

    start = time.monotonic()
    with held(path, kind, wait) as holding:
        assert holding and told == ["waiting"]
    assert time.monotonic() - start < 20, "a dead process of this machine is not waited for"
    assert Store(tmp_path, locks=kind).abandoned() == [tmp_path / "scratch" / "key"]


def test_a_lock_file_that_nobody_touches_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE", 1.0)
    path, begun = tmp_path / "locks" / "key", tmp_path / "begun"
    holder = FORK.Process(target=hold, args=(path, "files", begun))
    holder.start()
    deadline = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert holder.pid is not None
    os.kill(
        holder.pid, signal.SIGSTOP
    )  # as if its machine had gone: it lives, and gives no sign of it
    try:
        with held(path, "files", wait=lambda: None) as holding:
            assert holding
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()


def test_an_unknown_kind_of_lock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'files'"):
        Store(tmp_path, locks="file")


def test_the_environment_chooses_the_locks(tmp_path: Path) -> None:
    code = "from unmask.engine.store import Store; print(Store.at('s').locks)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "UNMASK_LOCKS": "files"},
        capture_output=True,
        text=True,
    )
    assert answer.stdout.strip() == "files", answer.stderr


def test_a_disk_that_syncs_no_folders_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = errno.EINVAL

    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    sync_folder(tmp_path)
    number = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)


@pytest.mark.parametrize(
    "number", [errno.EROFS, errno.ENAMETOOLONG, errno.ESTALE, errno.ELOOP, errno.ENOTDIR]
)
def test_a_store_that_cannot_be_written_names_the_option(number: int, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be written: .*--store"), translated(tmp_path):
        raise OSError(number, os.strerror(number), str(tmp_path / "runs"))
