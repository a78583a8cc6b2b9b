"""Schedule: several steps at the same time. An executor says how one is begun and how it ended;
order, budget and progress are the same for all."""

from __future__ import annotations

import abc
import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from unmask.core import progress
from unmask.engine.executors.executor import (
    Executor,
    Outcome,
    announce,
    ended,
    known,
    noted,
    obstacle,
)
from unmask.engine.executors.waiting import Waiting
from unmask.engine.plan import Budget, Plan, PlannedStep, Remaining
from unmask.engine.step import Step
from unmask.engine.store import Store

Handle = TypeVar("Handle")
"""What stands for a step that runs."""


class Workers(abc.ABC, Generic[Handle]):
    """Abstract. Where steps run."""

    def chosen(
        self, could: list[PlannedStep], running: Sequence[PlannedStep]
    ) -> Iterable[PlannedStep]:
        """Of the steps that could begin now, those that should; by default all."""
        return could

    @abc.abstractmethod
    def begin(self, step: Step, alone: bool) -> Handle:
        """Begin a step; `alone` says that nothing runs or can run beside it."""

    @abc.abstractmethod
    def ended(self, running: Mapping[Handle, PlannedStep]) -> Iterable[tuple[Handle, Outcome]]:
        """Wait until at least one step has ended, or a moment has passed: those that have ended,
        and how. A worker that died is a failed step, never an exception."""


class Concurrent(Executor):
    """Abstract. Runs steps at the same time, on the workers that `open_workers` gives."""

    @abc.abstractmethod
    def open_workers(
        self, missing: Sequence[PlannedStep], store: Store
    ) -> AbstractContextManager[Workers[Any]]:
        """The workers for these steps. They end with the block: after an error or an interrupt at
        once. Raises SettingError where they cannot be had."""

    def execute(self, targets: Sequence[Step], store: Store, budget: Budget) -> list[Outcome]:
        plan = Plan.of(targets, store)
        outcomes, missing = known(plan), plan.missing
        with noted(outcomes, len(plan.steps), store):
            if missing:
                schedule = Schedule(by_chain(missing), outcomes, budget, Remaining(plan))
                with (
                    self.open_workers(missing, store) as workers,
                    progress.bar("steps", len(missing), plan.seconds) as advance,
                ):
                    schedule.run(workers, advance)
        return [outcomes[planned.step.key] for planned in plan.steps]


@dataclasses.dataclass
class Schedule:
    """The steps that are still to run, those first that are preferred, and what became of all
    others."""

    steps: Sequence[PlannedStep]
    outcomes: dict[str, Outcome]
    budget: Budget
    remaining: Remaining
    tokens: int = 0

    def __post_init__(self) -> None:
        self.count, self.start = len(self.steps), time.monotonic()
        self.waiting = Waiting(self.steps, self.outcomes)

    def run(self, workers: Workers[Handle], advance: progress.Advance) -> None:
        """Run all steps, each as soon as what it stands on is decided."""
        running: dict[Handle, PlannedStep] = {}
        while self.waiting or running:
            self._begin(workers, running, advance)
            for handle, outcome in workers.ended(running) if running else ():
                self._end(running.pop(handle), ended(outcome), advance)

    def _begin(
        self,
        workers: Workers[Handle],
        running: dict[Handle, PlannedStep],
        advance: progress.Advance,
    ) -> None:
        free = list(workers.chosen(self.waiting.could, list(running.values())))
        alone = len(free) == 1 and not running
        for planned in free:
            self.waiting.take(planned)
            place = f"[{self.count - len(self.waiting)}/{self.count}]"
            spent = time.monotonic() - self.start
            refused = obstacle(planned, self.outcomes, self.budget, spent, self.tokens)
            if refused is not None:
                self._end(planned, refused, advance)
                continue
            self.tokens += planned.tokens
            announce(planned.step, place)
            running[workers.begin(planned.step, alone)] = planned

    def _end(self, planned: PlannedStep, outcome: Outcome, advance: progress.Advance) -> None:
        self.outcomes[planned.step.key] = outcome
        self.waiting.decide(planned.step.key)
        advance(1, planned.seconds, self.remaining.after(planned.step, outcome.manifest))


def by_chain(planned: list[PlannedStep]) -> list[PlannedStep]:
    """Steps of a plan, those first with which the longest chain of work begins, so that no long one
    is left for the end, when the other workers have nothing to do."""
    chains: dict[str, float] = {}
    after: dict[str, float] = {}
    for last in reversed(planned):  # a plan has every step behind all that it stands on
        key = last.step.key
        chains[key] = last.seconds + after.get(key, 0.0)
        for needed in last.step.needs:
            after[needed.key] = max(after.get(needed.key, 0.0), chains[key])
    return sorted(planned, key=lambda first: -chains[first.step.key])
