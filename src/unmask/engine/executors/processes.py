"""Several processes on this machine, a step each, over the standard library's pool; threads are
shared out.

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
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import FrameType
from typing import ClassVar

from unmask.core import progress
from unmask.core.errors import SettingError
from unmask.engine.executors.executor import (
    Executor,
    Outcome,
    attempt,
    begun,
    ended,
    kept,
    obstacle,
    perform,
)
from unmask.engine.plan import Budget, Plan, PlannedStep
from unmask.engine.step import Step
from unmask.engine.store import Store

THREADS = "OMP_NUM_THREADS"
PATIENCE = 5.0
"""Seconds that a process has to end what it started, before it is killed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Processes(Executor):
    """Several processes on this machine: `workers` of them, by default one a core."""

    name: ClassVar[str] = "processes"
    version: ClassVar[int] = 1

    workers: int = 0

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise SettingError(
                f"workers={self.workers}: give a number of processes, or 0 for one a core."
            )

    def execute(self, targets: Sequence[Step], store: Store, budget: Budget) -> list[Outcome]:
        plan = Plan.of(targets, store)
        outcomes = {
            planned.step.key: Outcome(planned.step, "cached", planned.manifest)
            for planned in plan.steps
            if planned.manifest
        }
        missing = [planned for planned in plan.steps if planned.step.key not in outcomes]
        with kept(plan, outcomes, store):
            if missing:
                self._run(Schedule(by_chain(missing), outcomes, store, budget))
        return [outcomes[planned.step.key] for planned in plan.steps]

    def _run(self, schedule: Schedule) -> None:
        cores = len(os.sched_getaffinity(0))
        workers = self.workers or cores
        # Python's own helper process ends when we do; it must not end before.
        with blocked(signal.SIGHUP):
            pool = ProcessPoolExecutor(
                workers,
                mp_context=multiprocessing.get_context(
                    "spawn"
                ),  # a fork would copy half of torch's threads
                initializer=prepared,
                initargs=(max(1, cores // workers),),
            )
        seconds = sum(planned.seconds for planned in schedule.waiting)
        with progress.bar("steps", schedule.count, seconds) as advance, ending(pool):
            while schedule.waiting or schedule.running:
                schedule.begin(pool, workers, advance)
                schedule.await_one(advance)


@dataclasses.dataclass
class Schedule:
    """The steps that are still to run, those that run, and what became of all others."""

    waiting: list[PlannedStep]
    outcomes: dict[str, Outcome]
    store: Store
    budget: Budget
    running: dict[Future[Outcome], PlannedStep] = dataclasses.field(
        default_factory=dict[Future[Outcome], PlannedStep]
    )
    tokens: int = 0

    def __post_init__(self) -> None:
        self.count, self.start = len(self.waiting), time.monotonic()

    def begin(self, pool: ProcessPoolExecutor, workers: int, advance: progress.Advance) -> None:
        """Begin the steps that could run now, at most as many as there are processes without
        one."""
        could = [planned for planned in self.waiting if ready(planned.step, self.outcomes)]
        free = chosen(could, list(self.running.values()))[: workers - len(self.running)]
        alone = len(free) == 1 and not self.running
        for planned in free:
            self.waiting.remove(planned)
            step, place = planned.step, f"[{self.count - len(self.waiting)}/{self.count}]"
            spent = time.monotonic() - self.start
            refused = obstacle(planned, self.outcomes, self.budget, spent, self.tokens)
            if refused is not None:
                self._end(planned, refused, advance)
                continue
            self.tokens += planned.tokens
            if alone:  # nothing can run beside it: here, with all threads
                self._end(planned, attempt(step, self.store, place), advance)
                continue
            begun(step, place)
            self.running[submitted(pool, step, self.store)] = planned

    def await_one(self, advance: progress.Advance) -> None:
        """Wait until at least one of the running steps has ended; return at once where none
        runs."""
        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            planned = self.running.pop(future)
            self._end(planned, ended(result(future, planned.step)), advance)

    def _end(self, planned: PlannedStep, outcome: Outcome, advance: progress.Advance) -> None:
        self.outcomes[planned.step.key] = outcome
        advance(1, planned.seconds)


def ready(step: Step, outcomes: dict[str, Outcome]) -> bool:
    """Whether all that a step stands on is decided."""
    return all(needed.key in outcomes for needed in step.needs)


def by_chain(planned: list[PlannedStep]) -> list[PlannedStep]:
    """Steps of a plan, those first with which the longest chain of work begins, so that no long one
    is left for the end, when the other processes have nothing to do."""
    chains: dict[str, float] = {}
    after: dict[str, float] = {}
    for last in reversed(planned):  # a plan has every step behind all that it stands on
        key = last.step.key
        chains[key] = last.seconds + after.get(key, 0.0)
        for needed in last.step.needs:
            after[needed.key] = max(after.get(needed.key, 0.0), chains[key])
    return sorted(planned, key=lambda first: -chains[first.step.key])


def chosen(free: list[PlannedStep], running: list[PlannedStep]) -> list[PlannedStep]:
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
