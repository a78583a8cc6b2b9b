"""Executor: runs a graph of steps somewhere. Abstract; what it must give back is a list of
Outcomes."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import inspect
import traceback
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from unmask.core import progress, stopping
from unmask.core.errors import BudgetError, UnmaskError, shortened
from unmask.core.named import Named
from unmask.engine.manifest import Manifest
from unmask.engine.plan import Budget, Plan, PlannedStep
from unmask.engine.rates import Effort
from unmask.engine.releasing import release
from unmask.engine.step import Step
from unmask.engine.store import Store

Status = Literal["executed", "cached", "failed", "blocked", "stopped"]
"""Blocked by a step that failed; stopped by the budget, as all that stands on such a step is."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a step. `error` says why it failed, or why it was not begun."""

    step: Step
    status: Status
    manifest: Manifest | None = None
    error: str = ""


class Executor(Named, abc.ABC):
    """Abstract. A failed step blocks only what stands on it."""

    @property
    def here(self) -> bool:
        """Whether steps run on this computer, whose memory is then looked at before any begins."""
        return True

    @abc.abstractmethod
    def execute(self, targets: Sequence[Step], store: Store, budget: Budget) -> list[Outcome]:
        """Run what is missing, inputs first; one Outcome a step, in order."""


def known(plan: Plan) -> dict[str, Outcome]:
    """The outcomes of a plan's steps whose results are there, by key."""
    return {
        planned.step.key: Outcome(planned.step, "cached", planned.manifest)
        for planned in plan.steps
        if planned.manifest
    }


@contextlib.contextmanager
def noted(outcomes: Mapping[str, Outcome], steps: int, store: Store) -> Generator[None]:
    """Note on an interrupt how many of so many steps are done, and where they are."""
    try:
        yield
    except BaseException as stop:
        finished = sum(outcome.manifest is not None for outcome in outcomes.values())
        stop.add_note(
            f"{finished} of {steps} steps are finished and are kept in {store.root};"
            " a training that had begun goes on from its last checkpoint."
        )
        raise


def perform(step: Step, store: Store) -> Outcome:
    """Do one step whose inputs are there; never raises for the work's own failure. Raises Stopped
    after a signal, even where a library made another error of it: the step did not fail, and what
    stands on it is not blocked.
    """

    def work(out: Path, scratch: Path) -> Mapping[str, Any]:
        arguments = {
            name: store.await_folder(part.step) / part.path for name, part in step.parts.items()
        }
        if "scratch" in inspect.signature(step.work.run).parameters:
            arguments["scratch"] = scratch
        facts = dict(step.work.run(out, **arguments) or {})
        return {**facts, "effort": Effort.of(step).json()}

    stopping.check()
    try:
        manifest, was_there = store.make(step, work)
    except UnmaskError as error:
        stopping.check()
        return Outcome(step, "failed", error=str(error))
    except Exception as error:  # noqa: BLE001 - one broken branch must not take the others with it
        stopping.check()  # a library may have made this error of the signal that ends us
        log = store.root / "logs" / f"{step.name}-{step.key[:16]}.txt"
        with contextlib.suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(traceback.format_exc(), encoding="utf-8")
        what = shortened(f"{type(error).__name__}: {error}")
        return Outcome(step, "failed", error=f"{what} (the traceback is in {log})")
    finally:
        release()
    return Outcome(step, "cached" if was_there else "executed", manifest)


def obstacle(
    planned: PlannedStep, outcomes: dict[str, Outcome], budget: Budget, spent: float, tokens: int
) -> Outcome | None:
    """Why a step is not begun: something that it needs is missing, or the budget would be
    exceeded."""
    step = planned.step
    absent = blocker(step, outcomes)
    if absent is not None:
        stopped = outcomes[absent.key].status == "stopped"
        reason = "the budget does not reach" if stopped else "failed"
        status: Status = "stopped" if stopped else "blocked"
        return Outcome(step, status, error=f"it stands on '{absent.title}', which {reason}")
    try:
        budget.check(
            spent + planned.seconds, tokens + planned.tokens, f"With '{step.title}', this run"
        )
    except BudgetError as error:
        return Outcome(step, "stopped", error=str(error))
    return None


def announce(step: Step, count: str) -> None:
    """Say that a step begins."""
    progress.say(f"{count} {step.title}", log_only=True)


def ended(outcome: Outcome) -> Outcome:
    """Say how a step ended, where it is worth a line."""
    step = outcome.step
    if outcome.status == "failed":
        progress.say(f"{step.title} failed: {outcome.error}")
    elif outcome.manifest and outcome.manifest.seconds > 2:
        progress.say(f"{step.title}: {outcome.manifest.seconds:.0f} s")
    return outcome


def blocker(step: Step, outcomes: dict[str, Outcome]) -> Step | None:
    """An input of `step` that is not there, if any; first one that failed."""
    absent = [
        need for need in step.needs if outcomes[need.key].status not in ("executed", "cached")
    ]
    return min(absent, key=lambda need: outcomes[need.key].status == "stopped", default=None)
