"""A store that several machines use: leases, takeovers, and drivers that get in each other's way.

A process whose machine is said to be another one, or that is stopped, stands for a machine that was
lost: nothing here can see that it is dead.
"""

from __future__ import annotations

import dataclasses
import errno
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unmask.core.errors import StoreError
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.engine import leases, locks
from unmask.engine import store as stores
from unmask.engine.attempts import begin
from unmask.engine.executors.executor import perform
from unmask.engine.executors.inline import Inline
from unmask.engine.leases import Lease
from unmask.engine.locks import LOCKS, agreed, usual
from unmask.engine.plan import Budget
from unmask.engine.step import Step
from unmask.engine.store import Store, inspect_folder

FORK = multiprocessing.get_context("fork")
SHORT = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counted(Work):
    """Adds up what it stands on, a line in the log each time, half of it in scratch."""

    name: ClassVar[str] = "counted"
    version: ClassVar[int] = 1
    number: int
    log: str = dataclasses.field(default="", metadata=RUN_ONLY)
    stops: bool = dataclasses.field(default=False, metadata=RUN_ONLY)

    def run(self, out: Path, *, scratch: Path, before: Path | None = None) -> Mapping[str, Any]:
        (out / "first").write_text("first")
        half = scratch / "half"
        resumed = half.exists()
        half.touch()
        first = not Path(self.log).exists()
        with open(self.log, "a") as log:
            log.write(f"{self.number}\n")
        if self.stops and first:
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.02)
        total = self.number + (int((before / "total").read_text()) if before else 0)
        out.mkdir(parents=True, exist_ok=True)  # as writers of checkpoints do
        (out / "total").write_text(str(total))
        return {"resumed": resumed}


def chain(log: Path, length: int, **more: Any) -> list[Step]:
    """Steps of which each stands on the one before; `more` is the first one's."""
    steps = [Step(Counted(number=1, log=str(log), **more))]
    for number in range(2, length + 1):
        steps.append(Step(Counted(number=number, log=str(log)), {"before": steps[-1]}))
    return steps


def drive(root: Path, kind: str, steps: list[Step]) -> None:
    outcomes = Inline().execute(steps, Store(root, locks=kind), Budget())
    assert all(outcome.manifest for outcome in outcomes)


def driver(root: Path, kind: str, steps: list[Step]) -> Any:
    process = FORK.Process(target=drive, args=(root, kind, steps))
    process.start()
    return process


def until(reached: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def stopped(process: Any) -> bool:
    status = Path(f"/proc/{process.pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of two seconds."""
    monkeypatch.setattr(leases, "LEASE", SHORT)


def enter(path: Path, log: Path, times: int, dies: bool) -> None:
    """Hold the lock again and again, with a line in the log at both ends."""
    if dies:
        leases.machine = lambda: "another machine"
    for _ in range(times):
        with LOCKS["files"](path, lambda: None):
            with open(log, "a") as file:
                file.write(f"in {os.getpid()}\n")
            if dies:
                signal.pause()
            time.sleep(0.02)
            with open(log, "a") as file:
                file.write(f"out {os.getpid()}\n")


def test_of_ten_processes_one_at_a_time_holds_a_lease_even_after_one_died_inside(
    tmp_path: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PAUSE", 0.02)
    path, log = tmp_path / "locks" / "key", tmp_path / "log"
    first = FORK.Process(target=enter, args=(path, log, 1, True))
    first.start()
    until(log.exists)
    others = [FORK.Process(target=enter, args=(path, log, 3, False)) for _ in range(9)]
    for process in others:
        process.start()
    os.kill(first.pid or 0, signal.SIGKILL)
    first.join()
    killed = time.monotonic()
    for process in others:
        process.join(60)
        assert process.exitcode == 0
    assert time.monotonic() - killed > SHORT / 2, "nobody here can know that it is dead"
    lines = [line.split() for line in log.read_text().splitlines()[1:]]
    assert len(lines) == 54
    for (way, process), (back, same) in zip(lines[::2], lines[1::2], strict=True):
        assert (way, back, process) == ("in", "out", same)


def test_a_lease_goes_on_while_its_holder_lives(tmp_path: Path, short: None) -> None:
    holder, other = Lease(tmp_path / "key.lease"), Lease(tmp_path / "key.lease")
    assert holder.take()
    deadline = time.monotonic() + 2 * SHORT
    while time.monotonic() < deadline:
        assert not other.take()
        time.sleep(0.1)
    holder.give_back()
    assert other.take()
    other.give_back()


def test_a_lease_that_was_linked_on_an_old_list_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a network disk shows a folder as it was, and the next number has been removed."""
    holder, other = Lease(tmp_path / "key.lease"), Lease(tmp_path / "key.lease")
    for _ in range(3):
        assert holder.take()
        holder.give_back()
        holder = Lease(tmp_path / "key.lease")
    assert holder.take()
    (tmp_path / "key.lease" / "2").unlink()
    lists = iter([1, 4])
    monkeypatch.setattr(other, "newest", lambda: next(lists))
    assert not other.take()
    monkeypatch.undo()
    assert not (tmp_path / "key.lease" / "2").exists() and not other.take()
    holder.give_back()
    assert other.take()
    other.give_back()


def test_what_is_long_past_is_swept(tmp_path: Path) -> None:
    folder = tmp_path / "key.lease"
    for _ in range(3):
        lease = Lease(folder)
        assert lease.take()
        lease.give_back()
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    lease = Lease(folder)
    assert lease.take()
    assert {path.name for path in folder.iterdir()} == {"4", lease.own.name}
    lease.give_back()


@pytest.mark.parametrize("kind", LOCKS)
def test_two_drivers_lose_no_step_and_double_none(kind: str, tmp_path: Path) -> None:
    steps = chain(tmp_path / "log", 12)
    drivers = [driver(tmp_path / "store", kind, steps) for _ in range(2)]
    for process in drivers:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(map(int, (tmp_path / "log").read_text().split())) == list(range(1, 13))
    store = Store(tmp_path / "store", locks=kind)
    assert (store.folder(steps[-1]) / "total").read_text() == str(sum(range(13)))
    assert list((store.root / "scratch").glob("*/*")) == []


def test_a_driver_that_seemed_dead_takes_the_others_result(tmp_path: Path, short: None) -> None:
    """It is stopped in the middle of a step, loses it, and goes on as if nothing had been."""
    steps, root = chain(tmp_path / "log", 3, stops=True), tmp_path / "store"
    lost = driver(root, "files", steps)
    until(lambda: stopped(lost))
    try:
        drive(root, "files", steps)
        assert (tmp_path / "log").read_text().split() == ["1", "1", "2", "3"]
    finally:
        os.kill(lost.pid, signal.SIGCONT)
    lost.join(30)
    assert lost.exitcode == 0
    assert (tmp_path / "log").read_text().split() == ["1", "1", "2", "3"], "nothing was done again"
    store = Store(root, locks="files")
    flaw, manifest = inspect_folder(store.folder(steps[0]), steps[0].key, every=True)
    assert flaw is None and manifest is not None and manifest.facts["resumed"] is True
    assert set(manifest.files) == {"first", "total"}


def test_what_an_overtaken_attempt_writes_is_never_published(tmp_path: Path) -> None:
    """Its folder was taken over while it worked; writing makes it anew, with half of what
    belongs there."""
    store, step = Store(tmp_path), Step(Counted(number=1, log=str(tmp_path / "log")))
    area, times = store.root / "scratch" / step.key[:16], list[Path]()

    def work(out: Path, scratch: Path) -> Mapping[str, Any]:
        times.append(out)
        (out / "first").touch()
        if len(times) == 1:
            begin(area)
            out.mkdir(parents=True)
        (out / "second").touch()
        return {}

    manifest, was_there = store.make(step, work)
    assert len(times) == 2 and not was_there
    assert set(manifest.files) == {"first", "second"}
    assert not area.exists()


def test_an_attempt_goes_on_from_the_one_that_was_worked_in_last(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "older", "oldest")):
        scratch = tmp_path / name / "scratch"
        scratch.mkdir(parents=True)
        (scratch / name).touch()
        os.utime(scratch, (1e9 - age, 1e9 - age))
    attempt = begin(tmp_path)
    assert attempt.ours and [path.name for path in attempt.scratch.iterdir()] == ["newest"]
    assert list(attempt.out.iterdir()) == []


def test_a_store_keeps_to_the_kind_of_lock_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(locks.VARIABLE, raising=False)
    [step] = chain(tmp_path / "log", 1)
    perform(step, Store(tmp_path / "store", locks="files"))
    assert Store.at(tmp_path / "store").locks == "files"
    assert Store.at(tmp_path / "new").locks == "system"
    refused = perform(chain(tmp_path / "log", 2)[1], Store(tmp_path / "store"))
    assert refused.status == "failed" and "UNMASK_LOCKS=files" in refused.error


@pytest.mark.parametrize(
    ("disk", "kind"), [("nfs4", "files"), ("lustre", "files"), ("ext4", "system"), ("", "system")]
)
def test_the_disk_decides_where_nobody_has(
    disk: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "disk_of", lambda _: disk)
    assert usual(tmp_path) == kind and agreed(tmp_path) is None


def test_the_type_of_a_disk_is_known() -> None:
    assert locks.disk_of(Path("/proc/self")) == "proc"
    assert locks.disk_of(Path("/proc/not/there")) == "proc"


def test_a_result_that_another_machine_published_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, steps = Store(tmp_path / "store"), chain(tmp_path / "log", 2)
    perform(steps[0], store)
    unseen = store.folder(steps[0]).rename(tmp_path / "unseen")
    appears = FORK.Process(target=lambda: (time.sleep(0.5), unseen.rename(store.folder(steps[0]))))
    appears.start()
    assert perform(steps[1], store).status == "executed"
    appears.join()
    shutil.rmtree(store.folder(steps[0]))
    shutil.rmtree(store.folder(steps[1]))
    monkeypatch.setattr(stores, "PATIENCE", 0.1)
    refused = perform(steps[1], store)
    assert refused.status == "failed" and "does not see it" in refused.error


def test_a_disk_without_hard_links_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: Any) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(os, "link", link)
    with (
        pytest.raises(StoreError, match=r"no hard links .*--store DIR"),
        LOCKS["files"](tmp_path / "locks" / "key", None),
    ):
        pass
