"""Plan: what would run, what is already there, and what it would cost, before anything is spent."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Literal

from unmask.core.errors import BudgetError, SettingError
from unmask.core.memory import Machine, Needed
from unmask.engine.manifest import Manifest
from unmask.engine.step import Step, ordered
from unmask.engine.store import Store

PARAMETER_TOKENS_PER_SECOND = 5e9
"""Parameters times tokens a second, until the store has seen the same kind of step: 10,000 tokens a
second through a 0.5M-parameter model, as on two CPU cores."""

SECONDS_PER_STEP = 0.2
"""What a step costs that involves no model."""


@dataclasses.dataclass(frozen=True)
class PlannedStep:
    step: Step
    status: Literal["cached", "to run"]
    tokens: int
    seconds: float
    manifest: Manifest | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """Steps in the order they would run; `tokens` and `seconds` count only those to run."""

    steps: tuple[PlannedStep, ...]

    @staticmethod
    def of(targets: Iterable[Step], store: Store) -> Plan:
        speeds = measured_speeds(store)
        steps: list[PlannedStep] = []
        for step in ordered(targets):
            manifest = store.find(step)
            tokens = step.work.tokens()
            if manifest is not None:
                steps.append(PlannedStep(step, "cached", 0, 0.0, manifest))
            else:
                speed = speeds.get(step.name, PARAMETER_TOKENS_PER_SECOND)
                seconds = SECONDS_PER_STEP + tokens * step.parameters / speed
                steps.append(PlannedStep(step, "to run", tokens, seconds))
        return Plan(tuple(steps))

    @property
    def waiting(self) -> list[Step]:
        """The steps to run."""
        return [planned.step for planned in self.steps if planned.status == "to run"]

    @property
    def tokens(self) -> int:
        return sum(planned.tokens for planned in self.steps)

    @property
    def seconds(self) -> float:
        return sum(planned.seconds for planned in self.steps)


def largest(steps: Iterable[Step], machine: Machine) -> list[tuple[Step, Needed]]:
    """Of each kind of step that needs memory to speak of, the one that needs most; those that need
    most first. Raises ModelError where a model cannot be looked at."""
    heaviest: dict[str, tuple[Step, Needed]] = {}
    for step in steps:
        needed = step.memory(machine)
        if needed and (step.name not in heaviest or needed.total > heaviest[step.name][1].total):
            heaviest[step.name] = (step, needed)
    return sorted(heaviest.values(), key=lambda pair: -pair[1].total)


def measured_speeds(store: Store) -> dict[str, float]:
    """Parameters times tokens a second per kind of step: the fastest in the store, since small work
    is all start-up."""
    speeds: dict[str, float] = {}
    for _, manifest in store.manifests():
        work = manifest.facts.get("estimated_work") if manifest else None
        if manifest and isinstance(work, int) and work > 0 and manifest.seconds > 0:
            speeds[manifest.name] = max(
                speeds.get(manifest.name, PARAMETER_TOKENS_PER_SECOND), work / manifest.seconds
            )
    return speeds


@dataclasses.dataclass(frozen=True)
class Budget:
    """A limit on what a run may still spend: seconds, tokens, or neither."""

    seconds: float | None = None
    tokens: float | None = None

    @staticmethod
    def of(text: str | None) -> Budget:
        """From "90s", "10m", "2h", "500ktok", "5Mtok"; None is no limit. Raises SettingError, also
        for a budget of nothing."""
        if text is None:
            return Budget()
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|tok|ktok|Mtok)", text.strip())
        if match is None:
            raise SettingError(
                f"--budget {text!r} is not understood. Write a time (90s, 10m, 2h) or tokens"
                " (5Mtok)."
            )
        amount, unit = float(match[1]), match[2]
        if not amount:
            raise SettingError(
                f"--budget {text!r} pays for nothing. `unmask plan` says what a run would cost, and"
                " without --budget there is no limit."
            )
        if unit in ("s", "m", "h"):
            return Budget(seconds=amount * {"s": 1, "m": 60, "h": 3600}[unit])
        return Budget(tokens=amount * {"tok": 1, "ktok": 1e3, "Mtok": 1e6}[unit])

    def check(self, seconds: float, tokens: float, what: str) -> None:
        """Raise BudgetError where spending `seconds` and `tokens` in total, with `what`, would
        exceed this."""
        if self.seconds is not None and seconds > self.seconds:
            raise BudgetError(
                f"{what} would take about {seconds:.1f} s in all; the budget is"
                f" {self.seconds:.1f} s."
            )
        if self.tokens is not None and tokens > self.tokens:
            raise BudgetError(
                f"{what} would make about {tokens:,.0f} tokens in all; the budget is"
                f" {self.tokens:,.0f}."
            )
