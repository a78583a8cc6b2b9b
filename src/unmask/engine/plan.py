"""Plan: what would run, what is already there, and what it would cost, before anything is spent."""

from __future__ import annotations

import dataclasses
import re
import time
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from unmask.core.errors import BudgetError, SettingError
from unmask.core.memory import Machine, Needed
from unmask.engine import remembered
from unmask.engine.manifest import Manifest
from unmask.engine.rates import Effort, Expected, Rates
from unmask.engine.step import Step, ordered
from unmask.engine.store import Store

SECONDS = {"s": 1, "m": 60, "h": 3600}
TOKENS = {"tok": 1, "ktok": 1e3, "Mtok": 1e6}
"""What the units of a budget stand for."""


@dataclasses.dataclass(frozen=True)
class PlannedStep:
    """A step, and what it would cost where it is to run."""

    step: Step
    tokens: int = 0
    expected: Expected = dataclasses.field(default=Expected())
    manifest: Manifest | None = None
    """Of its result, where that is there."""

    @property
    def status(self) -> Literal["cached", "to run"]:
        return "cached" if self.manifest else "to run"

    @property
    def seconds(self) -> float:
        """That it most likely takes."""
        return self.expected.seconds


@dataclasses.dataclass(frozen=True)
class Plan:
    """Steps in the order they would run; `tokens` and `expected` count only those to run, one after
    the other."""

    steps: tuple[PlannedStep, ...]
    rates: Rates

    @staticmethod
    def of(targets: Iterable[Step], store: Store) -> Plan:
        """What is there, and how long the rest takes by what this store and this machine have
        done."""
        rates, steps = remembered.recalled(), ordered(targets)
        remembered.study(rates, store)
        manifests = [store.find(step) for step in steps]
        for step, manifest in zip(steps, manifests, strict=True):
            if manifest and "effort" not in manifest.facts:  # an older version made it
                machine = str(manifest.environment.get("processor", ""))
                rates.learn(Effort.of(step), manifest.seconds, machine=machine)
        pairs = zip(steps, manifests, strict=True)
        return Plan(tuple(planned(step, manifest, rates) for step, manifest in pairs), rates)

    @property
    def missing(self) -> list[PlannedStep]:
        """What is to run."""
        return [planned for planned in self.steps if not planned.manifest]

    @property
    def waiting(self) -> list[Step]:
        """The steps to run."""
        return [planned.step for planned in self.missing]

    @property
    def tokens(self) -> int:
        return sum(planned.tokens for planned in self.steps)

    @property
    def expected(self) -> Expected:
        return sum((planned.expected for planned in self.steps), Expected())

    @property
    def seconds(self) -> float:
        """That it most likely takes."""
        return self.expected.seconds


def planned(step: Step, manifest: Manifest | None, rates: Rates) -> PlannedStep:
    """A step in a plan."""
    if manifest:
        return PlannedStep(step, manifest=manifest)
    effort = Effort.of(step)
    return PlannedStep(step, effort.tokens.total, rates.expected(effort))


class Remaining:
    """How long the steps of a plan still take, estimated anew whenever one has ended."""

    def __init__(self, plan: Plan):
        self.rates = plan.rates
        self._waiting = Counter(map(Effort.of, plan.waiting))
        self._worked, self._start = 0.0, time.monotonic()

    def after(self, step: Step, manifest: Manifest | None) -> float:
        """Seconds to go after a step that has ended, with its manifest where it was done. Where
        several steps run at the same time, it is taken that they go on doing so."""
        effort = Effort.of(step)
        self._waiting[effort] -= 1
        if manifest:
            self.rates.learn(effort, manifest.seconds)
            self._worked += manifest.seconds
        left = sum(n * self.rates.expected(effort).seconds for effort, n in self._waiting.items())
        elapsed = time.monotonic() - self._start
        return left * min(1.0, elapsed / self._worked) if self._worked else left


def largest(steps: Iterable[Step], machine: Machine) -> list[tuple[Step, Needed]]:
    """Of each kind of step that needs memory to speak of, the one that needs most; those that need
    most first. Raises ModelError where a model cannot be looked at."""
    heaviest: dict[str, tuple[Step, Needed]] = {}
    for step in steps:
        needed = step.memory(machine)
        if needed and (step.name not in heaviest or needed.total > heaviest[step.name][1].total):
            heaviest[step.name] = (step, needed)
    return sorted(heaviest.values(), key=lambda pair: -pair[1].total)


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
        units = "|".join((*SECONDS, *TOKENS))
        match = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*({units})", text.strip())
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
        if unit in SECONDS:
            return Budget(seconds=amount * SECONDS[unit])
        return Budget(tokens=amount * TOKENS[unit])

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
