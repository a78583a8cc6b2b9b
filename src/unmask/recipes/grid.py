"""Grid: what is done and what is planned of an experiment, a cell for each model in each state, and
what each cost and will cost.

A step that several cells stand on is counted once: with its organism where all of them are of one,
else with what all share. So the cells add up to the plan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import reduce
from typing import Any

from unmask.core.condition import Backdoor, Configured, Settings
from unmask.core.memory import Machine
from unmask.engine.manifest import Manifest
from unmask.engine.plan import Plan, PlannedStep
from unmask.engine.step import Step
from unmask.recipes.recipe import Experiment, Measurement
from unmask.report import words


@dataclasses.dataclass(frozen=True)
class Organism:
    """A row of the grid: an organism with its twin, or what is compared with all organisms."""

    about: Backdoor | None
    factors: Settings
    seed: int

    def __str__(self) -> str:
        name = words.planted(self.about) if self.about else "base"
        return ", ".join(filter(None, (name, words.settings(self.factors), f"seed {self.seed}")))


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a step belongs: to an organism in one state; in several, where `defense` is None; and
    to several organisms, where that is None too."""

    organism: Organism | None = None
    defense: Configured | None = None

    @staticmethod
    def of(measurement: Measurement) -> Place:
        condition = measurement.condition
        subject = condition.subject
        return Place(Organism(subject.about, subject.factors, condition.seed), condition.defense)

    def joined(self, other: Place) -> Place:
        """The smallest place that has both."""
        if self == other:
            return self
        return Place(self.organism if self.organism == other.organism else None)

    @property
    def depth(self) -> int:
        """How much it says: 0 to 2."""
        return (self.organism is not None) + (self.defense is not None)


@dataclasses.dataclass(frozen=True)
class Spent:
    """Steps, and the tokens, seconds of work and seconds of GPUs that they took or will take."""

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    gpu_seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.steps + other.steps,
            self.tokens + other.tokens,
            self.seconds + other.seconds,
            self.gpu_seconds + other.gpu_seconds,
        )

    @staticmethod
    def on(manifest: Manifest) -> Spent:
        """What a finished step took. Of several ranks each has a GPU of its own."""
        facts = manifest.facts
        gpus = int(facts.get("ranks", 1)) if "cuda" in str(facts.get("device", "")) else 0
        tokens = int(facts.get("tokens") or 0)
        return Spent(1, tokens, manifest.seconds, gpus * manifest.seconds)

    @staticmethod
    def of(planned: PlannedStep, machine: Machine) -> Spent:
        """What a step is expected to take on such a machine."""
        gpus = planned.step.resources(machine).gpus
        return Spent(1, planned.tokens, planned.seconds, gpus * planned.seconds)

    def json(self) -> dict[str, Any]:
        return {
            "steps": self.steps,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 1),
            "gpu_hours": round(self.gpu_seconds / 3600, 4),
        }


@dataclasses.dataclass(frozen=True)
class Cell:
    """What is done and what is to do in a place; `memory` is what the step that needs most of those
    to do needs, in bytes."""

    place: Place
    done: Spent = dataclasses.field(default=Spent())
    to_do: Spent = dataclasses.field(default=Spent())
    memory: int = 0

    def with_step(self, planned: PlannedStep, machine: Machine) -> Cell:
        if planned.manifest:
            return dataclasses.replace(self, done=self.done + Spent.on(planned.manifest))
        needed = planned.step.memory(machine)
        memory = max(self.memory, needed.total if needed else 0)
        to_do = self.to_do + Spent.of(planned, machine)
        return dataclasses.replace(self, to_do=to_do, memory=memory)

    def json(self) -> dict[str, Any]:
        """The organism and the state in words, None where several share it."""
        place = self.place
        return {
            "organism": str(place.organism) if place.organism else None,
            "state": words.after(place.defense) if place.defense else None,
            "done": self.done.json(),
            "to_do": self.to_do.json(),
            "memory": self.memory,
        }


@dataclasses.dataclass(frozen=True)
class Grid:
    """The cells of an experiment: what several organisms share, then each organism."""

    cells: tuple[Cell, ...]

    @staticmethod
    def of(experiment: Experiment, plan: Plan, machine: Machine) -> Grid:
        """Raises ModelError where a model cannot be looked at."""
        places = placed(experiment, [planned.step for planned in plan.steps])
        cells: dict[Place, Cell] = {Place(): Cell(Place())}
        for measurement in experiment.measurements:  # in the order in which they are told
            place = Place.of(measurement)
            for known in (Place(place.organism), place):
                cells.setdefault(known, Cell(known))
        for planned in plan.steps:
            place = places[planned.step.key]
            cells[place] = cells[place].with_step(planned, machine)
        return Grid(tuple(cell for cell in cells.values() if cell.done.steps or cell.to_do.steps))

    @property
    def total(self) -> Cell:
        """Of all cells."""
        return Cell(
            Place(),
            reduce(Spent.__add__, (cell.done for cell in self.cells), Spent()),
            reduce(Spent.__add__, (cell.to_do for cell in self.cells), Spent()),
            max((cell.memory for cell in self.cells), default=0),
        )

    def json(self) -> list[dict[str, Any]]:
        return [cell.json() for cell in self.cells]


def placed(experiment: Experiment, steps: Sequence[Step]) -> dict[str, Place]:
    """Where each step belongs, by its key; `steps` are the experiment's, inputs first."""
    places: dict[str, Place] = {}

    def put(step: Step, place: Place) -> None:
        there = places.get(step.key)
        places[step.key] = there.joined(place) if there else place

    for measurement in experiment.measurements:
        put(measurement.rates, Place.of(measurement))
    for step in reversed(steps):
        for needed in step.needs if step.key in places else ():
            put(needed, places[step.key])
    for step in steps:  # what no measurement reads goes with what it is about
        if step.key not in places:
            needs = (places[needed.key] for needed in step.needs)
            places[step.key] = max(needs, key=lambda place: place.depth, default=Place())
    return places
