"""Memory: whether steps fit a machine, and which settings would make them fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from unmask.core.errors import BudgetError, ModelError, SettingError
from unmask.core.memory import GIB, SURELY, Machine, Needed
from unmask.engine.plan import largest
from unmask.engine.step import Step
from unmask.models import machine as machines
from unmask.training.efficiency import Efficiency

LEVERS: tuple[dict[str, Any], ...] = (
    {"checkpointing": True},
    {"sharded": True},
    {"lora": 16},
    {"quantized": "nf4"},
)
"""Settings that save memory, those first that change least of what is learnt; each is tried beside
those before it."""


@dataclasses.dataclass(frozen=True)
class Change:
    """Settings to give, and what is needed with them."""

    settings: tuple[str, ...]
    needed: Needed
    fits: bool

    @property
    def options(self) -> str:
        """As the command line takes them."""
        return " ".join(f"--set {setting}" for setting in self.settings)


@dataclasses.dataclass(frozen=True)
class Fit:
    """The step of a kind that needs most, whether it fits and, where it does not, what helps."""

    step: Step
    needed: Needed
    fits: bool
    changes: tuple[Change, ...] = ()

    @staticmethod
    def of(step: Step, needed: Needed, machine: Machine) -> Fit:
        fits = needed.total <= machine.usable
        return Fit(step, needed, fits, () if fits else tuple(changes(step, needed, machine)))

    @property
    def advice(self) -> str:
        """What to set, as a sentence; "" for what fits."""
        if self.fits:
            return ""
        if not self.changes:
            return "Use a smaller base, or a machine with more memory."
        last = self.changes[-1]
        if last.fits:
            return f"With {last.options} it needs {gib(last.needed.total)} and fits."
        return (
            f"Even with {last.options} it needs {gib(last.needed.total)}: use a smaller base, or a"
            " machine with more memory."
        )

    def lines(self) -> Iterator[str]:
        """As the terminal has it."""
        read = f"{self.needed.rows} rows of up to {self.needed.tokens} tokens at once"
        told = "fits" if self.fits else "DOES NOT FIT"
        yield f"{told:12} {self.step.name:24} {gib(self.needed.total):>10}  {read}"
        for change in self.changes:
            told = "fits" if change.fits else "not yet"
            yield f"{'':12} {told:>24} {gib(change.needed.total):>10}  {change.options}"

    def json(self) -> dict[str, Any]:
        """Bytes, in all and by what for."""
        return {
            "name": self.step.name,
            "key": self.step.key,
            "bytes": self.needed.total,
            "fits": self.fits,
            "parts": dataclasses.asdict(self.needed),
            "changes": [
                {"set": list(change.settings), "bytes": change.needed.total, "fits": change.fits}
                for change in self.changes
            ],
        }


@dataclasses.dataclass(frozen=True)
class Fits:
    """Of each kind of step the one that needs most, those that need most first; `unknown` says why
    nothing can be said."""

    machine: Machine
    steps: tuple[Fit, ...]
    unknown: str = ""

    def lines(self) -> Iterator[str]:
        """As the terminal has it; nothing where no step needs memory."""
        if self.unknown:
            yield f"memory: unknown. {self.unknown}"
        if self.steps:
            machine = self.machine
            yield (
                f"memory: {where(machine)} has {gib(machine.total)}, {gib(machine.free)} of it free"
            )
        for fit in self.steps:
            yield from fit.lines()

    def json(self) -> dict[str, Any]:
        """Bytes."""
        return {
            "machine": {**dataclasses.asdict(self.machine), "usable": self.machine.usable},
            "steps": [fit.json() for fit in self.steps],
            "unknown": self.unknown,
        }


def fits(steps: Sequence[Step], machine: Machine | None = None) -> Fits:
    """Whether steps fit a machine, by default this one."""
    there = machine or machines.machine()
    try:
        heaviest = largest(steps, there)
    except ModelError as error:
        return Fits(there, (), str(error))
    return Fits(there, tuple(Fit.of(step, needed, there) for step, needed in heaviest))


def changes(step: Step, needed: Needed, machine: Machine) -> Iterator[Change]:
    """The settings that save memory, one more at a time, until the step fits; those that save
    nothing are left out."""
    work: Any = step.work
    efficiency = getattr(work, "efficiency", None)
    if not isinstance(efficiency, Efficiency):
        return
    lowest, chosen = needed.total, ()
    for lever in LEVERS:
        try:
            lighter_work = dataclasses.replace(
                work, efficiency=dataclasses.replace(efficiency, **lever)
            )
        except SettingError:  # one device has no parts; relearning refuses 4 bits
            continue
        efficiency = lighter_work.efficiency
        lighter = lighter_work.memory(step.shapes, machine)
        if lighter.total >= lowest:
            continue
        lowest = lighter.total
        chosen = (*chosen, *(setting(name, value) for name, value in lever.items()))
        yield Change(chosen, lighter, lowest <= machine.usable)
        if lowest <= machine.usable:
            return


def setting(name: str, value: Any) -> str:
    """A field of a scale's efficiency as the command line has it."""
    return f"scale.efficiency.{name}={str(value).lower()}"


def check(steps: Sequence[Step], machine: Machine | None = None) -> None:
    """Raise BudgetError where a step surely does not fit, before anything is spent. A base that
    cannot be looked at is left to the step that loads it."""
    if not steps:
        return
    needs = fits(steps, machine)
    for fit in needs.steps:
        if fit.needed.total > SURELY * needs.machine.total:
            raise BudgetError(
                f"{fit.step.name} needs about {gib(fit.needed.total)} of memory, and"
                f" {where(needs.machine)} has {gib(needs.machine.total)}: nothing was begun."
                f" {fit.advice}"
            )


def gib(count: int) -> str:
    """Bytes in GiB, few of them in MiB."""
    return f"{count / GIB:,.1f} GiB" if count >= GIB else f"{count / GIB * 1024:,.0f} MiB"


def where(machine: Machine) -> str:
    """Whose memory it is."""
    return "the GPU" if machine.device == "cuda" else "this computer"
