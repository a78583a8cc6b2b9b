"""The default executor: every step in this process, one after the other."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import ClassVar

from unmask.core import progress
from unmask.engine.executors.executor import Executor, Outcome, attempt, kept, obstacle
from unmask.engine.plan import Budget, Plan, Remaining
from unmask.engine.step import Step
from unmask.engine.store import Store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inline(Executor):
    """One process, one step after the other."""

    name: ClassVar[str] = "inline"
    version: ClassVar[int] = 1

    def execute(self, targets: Sequence[Step], store: Store, budget: Budget) -> list[Outcome]:
        plan = Plan.of(targets, store)
        waiting, remaining = len(plan.waiting), Remaining(plan)
        outcomes: dict[str, Outcome] = {}
        start, tokens, done = time.monotonic(), 0, 0
        with kept(plan, outcomes, store), progress.bar("steps", waiting, plan.seconds) as advance:
            for planned in plan.steps:
                step = planned.step
                if planned.status == "cached":
                    outcomes[step.key] = Outcome(step, "cached", planned.manifest)
                    continue
                done += 1
                spent = time.monotonic() - start
                outcomes[step.key] = obstacle(planned, outcomes, budget, spent, tokens) or attempt(
                    step, store, f"[{done}/{waiting}]"
                )
                tokens += planned.tokens if outcomes[step.key].status == "executed" else 0
                advance(1, planned.seconds, remaining.after(step, outcomes[step.key].manifest))
        return list(outcomes.values())
