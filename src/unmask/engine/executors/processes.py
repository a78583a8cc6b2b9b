"""Several processes on this machine, a step each, over the standard library's pool; threads are shared out.

For a CPU and small models, where two threads are far from twice as fast as one: on two cores two steps at a time, one
thread each, are. All processes see all GPUs; steps for one GPU each are for a scheduler that knows them.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import ClassVar

from unmask.core import progress
from unmask.core.errors import SettingError
from unmask.engine.executors.executor import Executor, Outcome, perform
from unmask.engine.executors.inline import attempt, begun, ended, obstacle
from unmask.engine.plan import Budget, Plan, PlannedStep
from unmask.engine.step import Step
from unmask.engine.store import Store

THREADS = "OMP_NUM_THREADS"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Processes(Executor):
    """Several processes on this machine: `workers` of them, by default one a core."""

    name: ClassVar[str] = "processes"
    version: ClassVar[int] = 1

    workers: int = 0

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise SettingError(f"workers={self.workers}: give a number of processes, or 0 for one a core.")

    def execute(self, targets: Sequence[Step], store: Store, budget: Budget) -> list[Outcome]:
        plan = Plan.of(targets, store)
        cached = {each.step.key: Outcome(each.step, "cached", each.manifest) for each in plan.steps if each.manifest}
        waiting = [each for each in plan.steps if each.step.key not in cached]
        found = self._run(waiting, cached, store, budget) if waiting else cached
        return [found[each.step.key] for each in plan.steps]

    def _run(
        self, waiting: list[PlannedStep], outcomes: dict[str, Outcome], store: Store, budget: Budget
    ) -> dict[str, Outcome]:
        count, start, tokens = len(waiting), time.monotonic(), 0
        waiting = by_chain(waiting)
        running: dict[Future[Outcome], PlannedStep] = {}
        cores = len(os.sched_getaffinity(0))
        workers = self.workers or cores
        pool = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),  # a fork would copy half of torch's threads
            initializer=limited,
            initargs=(max(1, cores // workers),),
        )
        with progress.bar("steps", count, sum(each.seconds for each in waiting)) as advance, pool:
            while waiting or running:
                free = chosen([each for each in waiting if ready(each.step, outcomes)], list(running.values()))
                free = free[: workers - len(running)]
                for planned in free:
                    waiting.remove(planned)
                    step, said = planned.step, f"[{count - len(waiting)}/{count}]"
                    refused = obstacle(planned, outcomes, budget, time.monotonic() - start, tokens)
                    if refused is not None:
                        outcomes[step.key] = refused
                        advance(1, planned.seconds)
                        continue
                    tokens += planned.tokens
                    if len(free) == 1 and not running:  # nothing can run beside it: here, with all threads
                        outcomes[step.key] = attempt(step, store, said)
                        advance(1, planned.seconds)
                        continue
                    begun(step, said)
                    running[submitted(pool, step, store)] = planned
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    planned = running.pop(future)
                    outcomes[planned.step.key] = ended(result(future, planned.step))
                    advance(1, planned.seconds)
        return outcomes


def ready(step: Step, outcomes: dict[str, Outcome]) -> bool:
    """Whether all that a step stands on is decided."""
    return all(needed.key in outcomes for part in step.parts.values() for needed in part.steps)


def by_chain(planned: list[PlannedStep]) -> list[PlannedStep]:
    """Steps of a plan, those first with which the longest chain of work begins, so that no long one is left for the
    end, when the other processes have nothing to do."""
    chains: dict[str, float] = {}
    after: dict[str, float] = {}
    for each in reversed(planned):  # a plan has every step behind all that it stands on
        key = each.step.key
        chains[key] = each.seconds + after.get(key, 0.0)
        for needed in (step for part in each.step.parts.values() for step in part.steps):
            after[needed.key] = max(after.get(needed.key, 0.0), chains[key])
    return sorted(planned, key=lambda each: -chains[each.step.key])


def chosen(free: list[PlannedStep], running: list[PlannedStep]) -> list[PlannedStep]:
    """Of the steps that could run now, those that should.

    Steps without a model take moments and go first: a training that all others wait for (the base) would otherwise
    begin beside one of them, with one thread, and keep it for minutes.
    """
    if quick := [each for each in free if not each.tokens]:
        return quick
    soon_alone = len(free) == 1 and bool(running) and not any(each.tokens for each in running)
    return [] if soon_alone else free


def submitted(pool: ProcessPoolExecutor, step: Step, store: Store) -> Future[Outcome]:
    """The step's future; a pool that lost a process takes nothing more."""
    try:
        return pool.submit(perform, step, store)
    except BrokenProcessPool as error:
        lost: Future[Outcome] = Future()
        lost.set_exception(error)
        return lost


def result(future: Future[Outcome], step: Step) -> Outcome:
    """What a process gave back; a process that died (of memory, mostly) is a failed step."""
    try:
        return future.result()
    except BrokenProcessPool:
        return Outcome(step, "failed", error="its process died, perhaps for want of memory: use fewer workers")


def limited(threads: int) -> None:
    """In a new process, before anything heavy is imported; a number that the user has set stays."""
    os.environ.setdefault(THREADS, str(threads))
