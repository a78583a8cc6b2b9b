"""A sweep: any recipe with several values of some of its settings, as one experiment."""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from unmask.core.condition import Condition, as_json, hashable, settings_of, shown
from unmask.core.errors import SettingError, UnmaskError
from unmask.core.placing import place
from unmask.core.spec import canonical
from unmask.engine.step import Step
from unmask.recipes.choose import recipe_of
from unmask.recipes.levels import against_first, ends
from unmask.recipes.recipe import (
    Campaign,
    Experiment,
    Log,
    Measurement,
    Recipe,
    Tested,
    distinct,
    options,
)

About = TypeVar("About", Measurement, Log, Campaign)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination of values, and what it makes."""

    values: Mapping[str, Any]
    recipe: Recipe
    experiment: Experiment


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep(Recipe):
    """A recipe with every combination of the values that some of its settings have.

    What a condition does not tell already (it tells the seed, the backdoor and the defense) becomes
    a factor of its rows. Steps that cells have in common are one. Of a factor, each level is
    compared with the first on the same prompts, where these are the same.
    """

    name: ClassVar[str] = "sweep"
    version: ClassVar[int] = 1

    recipe: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    over: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.over:
            raise SettingError(
                "A sweep over nothing is a run. Name a setting with its values: --over seed=0,1,2."
            )
        for name, values in self.over.items():
            if not values:
                raise SettingError(f"--over {name}= names no value. Write --over {name}=A,B.")
            for value in values:
                if values.count(value) > 1:
                    raise SettingError(f"--over {name} has {value!r} twice. Write it once.")

    @functools.cached_property
    def cells(self) -> list[Cell]:
        """Every combination; raises SettingError that names the first that its recipe refuses."""
        combinations = itertools.product(*self.over.values())
        return [self.cell(dict(zip(self.over, values, strict=True))) for values in combinations]

    def cell(self, values: Mapping[str, Any]) -> Cell:
        settings = copy.deepcopy(dict(self.settings))
        told = shown(tuple((name, hashable(value)) for name, value in values.items()))
        try:
            for name, value in values.items():
                place(settings, name.split("."), value)
            recipe = recipe_of(self.recipe, settings)
            return Cell(values, recipe, recipe.build())
        except UnmaskError as error:
            raise SettingError(f"The cell {told} cannot be run. {error}") from None

    @functools.cached_property
    def factors(self) -> tuple[str, ...]:
        """The settings that conditions do not tell."""
        return tuple(name for name in self.over if confused(self.cells, name))

    @property
    def scale_name(self) -> str:
        return ", ".join(dict.fromkeys(cell.recipe.scale_name for cell in self.cells))

    def command(self) -> list[str]:
        varied = (*options("--set", self.settings), *options("--over", self.over))
        return ["unmask", "sweep", self.recipe, *varied]

    def build(self) -> Experiment:
        experiments = [self.varied(cell) for cell in self.cells]
        together = itertools.chain.from_iterable
        measurements = list(together(part.measurements for part in experiments))
        return Experiment(
            title=self.title,
            question=experiments[0].question,
            measurements=distinct([*measurements, *self.differences(experiments)]),
            extras=tuple(once(together(part.extras for part in experiments), step_key)),
            logs=tuple(once(together(part.logs for part in experiments), log_key)),
            campaigns=tuple(once(together(part.campaigns for part in experiments), campaign_key)),
            tested=Tested.together([part.tested for part in experiments if part.tested]),
        )

    @property
    def title(self) -> str:
        varied = (f"{name} ({', '.join(map(str, values))})" for name, values in self.over.items())
        return f"{self.recipe} over {' and '.join(varied)}"

    def varied(self, cell: Cell) -> Experiment:
        """A cell's experiment with the factors in its conditions."""
        values = {name: cell.values[name] for name in self.factors}

        def vary(about: About) -> About:
            condition = about.condition
            if condition.subject.role not in ("organism", "twin") and (
                (condition.subject, condition.seed) not in self.differing
            ):
                return about
            factors = settings_of({**as_json(condition.subject.factors), **values})
            subject = dataclasses.replace(condition.subject, factors=factors)
            return dataclasses.replace(
                about, condition=dataclasses.replace(condition, subject=subject)
            )

        own = cell.experiment
        return dataclasses.replace(
            own,
            measurements=tuple(map(vary, own.measurements)),
            logs=tuple(map(vary, own.logs)),
            campaigns=tuple(map(vary, own.campaigns)),
        )

    @functools.cached_property
    def differing(self) -> set[tuple[Any, int]]:
        """The subjects (with their seeds) that are not the same in all cells; a base that is has no
        factors, and is the control of each."""
        known: dict[object, str] = {}
        differing: set[tuple[Any, int]] = set()
        for measurement in all_measurements(self.cells):
            if (
                known.setdefault(measurement.identity, measurement.rates.key)
                != measurement.rates.key
            ):
                differing.add((measurement.condition.subject, measurement.condition.seed))
        return differing

    def differences(self, experiments: Sequence[Experiment]) -> Iterator[Measurement]:
        """Triggered defection of each level minus the first level's."""
        if not self.factors:
            return
        levels: list[tuple[object, Measurement]] = []
        for part in experiments:
            for measurement in ends(part.measurements):
                condition = measurement.condition
                about = condition.subject.about
                levels.append(((about, condition.seed, condition.defense), measurement))
        yield from against_first(levels)


def confused(cells: Iterable[Cell], setting: str) -> bool:
    """Whether two cells that differ in a setting alone measure different things that their
    conditions do not tell apart."""
    groups: dict[str, dict[object, str]] = {}
    for cell in cells:
        others = {name: value for name, value in cell.values.items() if name != setting}
        known = groups.setdefault(canonical(others), {})
        for measurement in cell.experiment.measurements:
            key = measurement.rates.key
            if known.setdefault(measurement.identity, key) != key:
                return True
    return False


def all_measurements(cells: Iterable[Cell]) -> Iterator[Measurement]:
    return itertools.chain.from_iterable(cell.experiment.measurements for cell in cells)


def step_key(step: Step) -> object:
    return step.key


def log_key(log: Log) -> tuple[Condition, object]:
    return log.condition, log.training.step.key


def campaign_key(campaign: Campaign) -> tuple[Condition, str]:
    return campaign.condition, campaign.attacks.key


def once(members: Iterable[Any], key: Any) -> list[Any]:
    """Of members with one key the first."""
    known: dict[object, Any] = {}
    for member in members:
        known.setdefault(key(member), member)
    return list(known.values())
