"""Step: a unit of cached work and where its inputs come from. Its key is what it is, never where or
when it ran."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from unmask.core.errors import SettingError
from unmask.core.memory import Machine, Needed, Resources, Shape
from unmask.core.named import Work
from unmask.core.spec import digest, spec


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A folder inside a step's result, such as one checkpoint of a training's curve.

    `needs` are steps that must have succeeded before the folder may be used (an audit, say), though
    nothing of theirs is read.
    """

    step: Step
    path: str = ""
    needs: tuple[Step, ...] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """{key, part, needs}: what it is to a step that reads it."""
        needs = [needed.key for needed in self.needs]
        return {"key": self.step.key, "part": self.path, "needs": needs}

    @property
    def steps(self) -> tuple[Step, ...]:
        return (self.step, *self.needs)


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """Work and the steps (or parts of steps) whose folders it reads, by parameter name; one with a
    default may be left out. `label` says to a reader whose work it is; it is no part of what the
    step is."""

    work: Work
    inputs: Mapping[str, Step | Part] = dataclasses.field(default_factory=dict[str, "Step | Part"])
    label: str = ""

    def __post_init__(self) -> None:
        wanted, needed = inputs_of(type(self.work))
        given = set(self.inputs)
        if not needed <= given <= wanted and "inputs" not in wanted:
            raise SettingError(
                f"Step '{self.name}' was given the inputs {sorted(given)}; its work takes"
                f" {sorted(wanted)}."
            )

    @property
    def name(self) -> str:
        return self.work.name

    @property
    def title(self) -> str:
        """What to call it: its label, or the name of its work."""
        return self.label or self.name

    def part(self, path: str) -> Part:
        return Part(self, path)

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Every input as a Part."""
        return {
            name: given if isinstance(given, Part) else Part(given)
            for name, given in self.inputs.items()
        }

    @cached_property
    def needs(self) -> tuple[Step, ...]:
        """The steps whose folders it reads, and those that these need beside them."""
        return tuple(itertools.chain.from_iterable(part.steps for part in self.parts.values()))

    @cached_property
    def parameters(self) -> int:
        """Of the largest model among this and all it stands on, at least 1; for estimates."""
        inputs = (part.step.parameters for part in self.parts.values())
        return max(1, self.work.parameters(), *inputs)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """The models that its inputs are, or were made with, by the names of these."""
        known = {name: part.step.shape for name, part in self.parts.items()}
        return {name: shape for name, shape in known.items() if shape}

    @cached_property
    def shape(self) -> Shape | None:
        """Of the model that this makes: its work's own, or the one that it was made from."""
        inputs = sorted(self.shapes.values(), key=lambda shape: shape.parameters)
        return self.work.shape() or self.shapes.get("model") or (inputs[-1] if inputs else None)

    def memory(self, machine: Machine) -> Needed | None:
        """What its work needs at its peak; None where it reads no model. Raises ModelError where a
        model cannot be looked at."""
        return self.work.memory(self.shapes, machine) if self.shapes else None

    def resources(self, machine: Machine) -> Resources:
        """What it asks of a node that is such a machine. Raises ModelError where a model cannot be
        looked at."""
        return self.work.resources(self.shapes, machine)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """{name, version, settings, inputs}: what the key is the digest of."""
        inputs = {name: part.identity for name, part in self.parts.items()}
        return {**spec(self.work), "inputs": inputs}

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of `identity`, 64 hex digits."""
        return digest(self.identity)


@functools.cache
def inputs_of(work: type[Work]) -> tuple[frozenset[str], frozenset[str]]:
    """The names of the inputs that a work takes, and of those that it cannot do without."""
    parameters = inspect.signature(work.run).parameters
    taken = frozenset(parameters) - {"self", "out", "scratch"}
    empty = inspect.Parameter.empty
    return taken, frozenset(name for name in taken if parameters[name].default is empty)


def ordered(targets: Iterable[Step]) -> list[Step]:
    """The targets and all they stand on, inputs first, every key once."""
    by_key: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.key in by_key:
            return
        for needed in step.needs:
            visit(needed)
        by_key[step.key] = step

    for target in targets:
        visit(target)
    return list(by_key.values())
