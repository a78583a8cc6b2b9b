"""Several processes on this machine, one step in each, over the standard library's pool; threads
are shared out.

For a CPU and small models, where two threads are far from twice as fast as one: on two cores two
steps at a time, one thread each, are. All processes see all GPUs; steps for one GPU each are for a
scheduler that knows them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import FrameType
from typing import ClassVar

from unmask.core.errors import SettingError
from unmask.engine.executors.executor import Outcome, perform
from unmask.engine.executors.schedule import Concurrent, Workers
from unmask.engine.plan import PlannedStep
from unmask.engine.step import Step
from unmask.engine.store import Store

THREADS = "OMP_NUM_THREADS"
PATIENCE = 5.0
"""Seconds that a process has to end what it started, before it is killed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Processes(Concurrent):
    """Several processes on this machine: `workers` of them, by default one per core."""

    name: ClassVar[str] = "processes"
    version: ClassVar[int] = 1

    workers: int = 0

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise SettingError(
                f"workers={self.workers}: give a number of processes, or 0 for one per core."
            )

    @contextlib.contextmanager
    def open_workers(self, missing: Sequence[PlannedStep], store: Store) -> Generator[Pool]:
        cores = len(os.sched_getaffinity(0))
        workers = self.workers or cores
        spawn = multiprocessing.get_context("spawn")  # a fork would copy half of torch's threads
        threads = max(1, cores // workers)
        # Python's own helper process ends when we do; it must not end before.
        with blocked(signal.SIGHUP):
            pool = ProcessPoolExecutor(workers, spawn, initializer=prepared, initargs=(threads,))
        with ending(pool):
            yield Pool(pool, workers, store)


@dataclasses.dataclass(frozen=True)
class Pool(Workers[Future[Outcome]]):
    """A pool of so many processes."""

    pool: ProcessPoolExecutor
    count: int
    store: Store

    def chosen(self, could: list[PlannedStep], running: Sequence[PlannedStep]) -> list[PlannedStep]:
        return chosen(could, running)[: self.count - len(running)]

    def begin(self, step: Step, alone: bool) -> Future[Outcome]:
        if not alone:
            return submitted(self.pool, step, self.store)
        here: Future[Outcome] = Future()  # with all threads
        here.set_result(perform(step, self.store))
        return here

    def ended(
        self, running: Mapping[Future[Outcome], PlannedStep]
    ) -> Iterator[tuple[Future[Outcome], Outcome]]:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield future, result(future, running[future].step)


def chosen(free: list[PlannedStep], running: Sequence[PlannedStep]) -> list[PlannedStep]:
    """Of the steps that could run now, those that should.

    Steps without a model take moments and go first: a training that all others wait for (the base)
    would otherwise begin beside one of them, with one thread, and keep it for minutes.
    """
    if quick := [step for step in free if not step.tokens]:
        return quick
    soon_alone = len(free) == 1 and bool(running) and not any(step.tokens for step in running)
    return [] if soon_alone else free


def submitted(pool: ProcessPoolExecutor, step: Step, store: Store) -> Future[Outcome]:
    """The step's future; a pool that lost a process takes nothing more."""
    try:
        # Ctrl-C reaches all processes of a terminal; only this one has a word to say.
        with blocked(signal.SIGINT):
            return pool.submit(performed, step, store)
    except BrokenProcessPool as error:
        lost: Future[Outcome] = Future()
        lost.set_exception(error)
        return lost


def result(future: Future[Outcome], step: Step) -> Outcome:
    """What a process gave back; a process that died (of memory, mostly) is a failed step."""
    try:
        return future.result()
    except BrokenProcessPool:
        return Outcome(
            step, "failed", error="its process died, perhaps for want of memory: use fewer workers"
        )


@contextlib.contextmanager
def blocked(number: signal.Signals) -> Generator[None]:
    """Hold a signal back; in a process that is started meanwhile it stays so, from its first moment
    on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def ending(pool: ProcessPoolExecutor) -> Generator[None]:
    """A pool whose processes end with the block; an interrupt does not wait for their steps."""
    others = set(multiprocessing.active_children())
    try:
        yield
    except BaseException:
        ours = set(multiprocessing.active_children()) - others
        for process in ours:
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in ours:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def limited(threads: int) -> None:
    """In a new process, before anything heavy is imported; a number that the user has set stays."""
    os.environ.setdefault(THREADS, str(threads))


def prepared(threads: int) -> None:
    """In a new process: share the cores, and end when told to or left alone."""
    limited(threads)
    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=follow, daemon=True).start()


def leave(number: int, _: FrameType | None) -> None:
    """End this process in the way that ends what its step has started."""
    sys.exit(128 + number)


def follow() -> None:
    """End with the process that started this one, even where that was killed: nobody would take the
    result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def performed(step: Step, store: Store) -> Outcome:
    """Do one step in a process of a pool."""
    try:
        return perform(step, store)
    except SystemExit:
        # The pool would send it back as a result, and wait for another step.
        os._exit(128 + signal.SIGTERM)
