"""The default executor: every step in this process, one after the other."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import ClassVar

from unmask.core import progress
from unmask.engine.executors.executor import (
    Executor,
    Outcome,
    announce,
    ended,
    known,
    noted,
    obstacle,
    perform,
)
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
        missing, remaining = plan.missing, Remaining(plan)
        outcomes = known(plan)
        start, tokens = time.monotonic(), 0
        with (
            noted(outcomes, len(plan.steps), store),
            progress.bar("steps", len(missing), plan.seconds) as advance,
        ):
            for place, planned in enumerate(missing, start=1):
                step, spent = planned.step, time.monotonic() - start
                outcome = obstacle(planned, outcomes, budget, spent, tokens)
                if outcome is None:
                    announce(step, f"[{place}/{len(missing)}]")
                    outcome = ended(perform(step, store))
                outcomes[step.key] = outcome
                tokens += planned.tokens if outcome.status == "executed" else 0
                advance(1, planned.seconds, remaining.after(step, outcome.manifest))
        return [outcomes[planned.step.key] for planned in plan.steps]
