"""Recipe: an experiment as a frozen dataclass; its fields are its settings, `build` returns its
graph of steps."""

from __future__ import annotations

import abc
import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from unmask.core.condition import Condition
from unmask.core.errors import SettingError
from unmask.core.metric import Against
from unmask.core.named import Named
from unmask.core.spec import spec
from unmask.engine.step import Part, Step
from unmask.evaluations.measuring import Measuring
from unmask.recipes.scales import Scale


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One evaluation of one condition. Of a paired difference `against` is what the condition was
    compared with, and `arm` and `metric` what was compared ("" for every arm)."""

    condition: Condition
    work: Measuring
    evaluation: Step
    rates: Step
    against: Against | None = None
    metric: str = ""
    arm: str = ""

    @property
    def identity(self) -> tuple[Condition, str, str, str, Against | None]:
        """What no two measurements of an experiment may have in common."""
        return (self.condition, self.work.name, self.metric, self.arm, self.against)


def distinct(measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Each measurement once. Raises SettingError where two say that they are the same, and are
    not."""
    known: dict[object, Measurement] = {}
    for measurement in measurements:
        first = known.setdefault(measurement.identity, measurement)
        if first.rates.key != measurement.rates.key:
            raise SettingError(
                f"'{measurement.work.name}' is asked twice of one model with different settings, so"
                " that its numbers could not be told apart: ask it once, or in two runs."
            )
    return tuple(known.values())


@dataclasses.dataclass(frozen=True)
class Log:
    """How one training went: the folder with its log.jsonl, and whose training it was; `before` are
    those of the defenses that came first."""

    condition: Condition
    training: Part
    before: tuple[Part, ...] = ()

    @property
    def line(self) -> tuple[Part, ...]:
        """All of them, in their order."""
        return (*self.before, self.training)


@dataclasses.dataclass(frozen=True)
class Campaign:
    """A red team's attempts on one model: the step that has them all, and the one that says which
    hold the trigger."""

    condition: Condition
    attacks: Step
    found: Step


Made = TypeVar("Made", Step, Step | Part)


def by_role(pairs: Iterable[tuple[str, Made]]) -> dict[str, Made]:
    """Models or sources by what they are; a second, other one of a role has a number."""
    known: dict[str, Made] = {}
    for role, made in pairs:
        if made.identity in [other.identity for other in known.values()]:
            continue
        number = sum(name.partition(" #")[0] == role for name in known) + 1
        known[role if number == 1 else f"{role} #{number}"] = made
    return known


@dataclasses.dataclass(frozen=True)
class Tested:
    """What an experiment is about, for its record: models and sources by what they are in it, and
    the organisms, defenses (by name), scales and seeds."""

    models: Mapping[str, Step | Part]
    data: Mapping[str, Step]
    organisms: tuple[Named, ...]
    scales: tuple[Scale, ...]
    seeds: tuple[int, ...]
    defenses: Mapping[str, Named] = dataclasses.field(default_factory=dict[str, Named])

    @staticmethod
    def together(parts: Sequence[Tested]) -> Tested | None:
        """What several experiments are about; None for none."""
        if not parts:
            return None
        every = itertools.chain.from_iterable
        return Tested(
            models=by_role(every(part.models.items() for part in parts)),
            data=by_role(every(part.data.items() for part in parts)),
            organisms=tuple(dict.fromkeys(every(part.organisms for part in parts))),
            scales=tuple(dict.fromkeys(every(part.scales for part in parts))),
            seeds=tuple(dict.fromkeys(every(part.seeds for part in parts))),
            defenses=dict(every(part.defenses.items() for part in parts)),
        )


@dataclasses.dataclass(frozen=True)
class Experiment:
    """All that a recipe wants measured, and `extras` that it wants made; running it means making
    all of them. Of a `trial` the numbers mean nothing. `league` is the one of the extras that
    writes league.json, where there is one."""

    title: str
    question: str
    measurements: tuple[Measurement, ...]
    extras: tuple[Step, ...] = ()
    logs: tuple[Log, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    tested: Tested | None = None
    league: Step | None = None

    @property
    def trial(self) -> bool:
        return self.tested is not None and any(scale.trial for scale in self.tested.scales)

    @property
    def targets(self) -> list[Step]:
        trainings = (log.training.step for log in self.logs)
        return [*(measurement.rates for measurement in self.measurements), *self.extras, *trainings]


class Recipe(Named, abc.ABC):
    """Abstract. Contract (tests/contracts/test_recipes.py and tests/test_threat_model.py): building
    is quick, writes nothing and imports no torch (a base of one's own is looked at, so that a bad
    one fails before anything is spent); the same settings give the same keys; no two measurements
    have one identity; no defense's settings or data carry the trigger's text."""

    @abc.abstractmethod
    def build(self) -> Experiment:
        """The graph. Raises SettingError, UnknownName or ModelError for settings that cannot
        work."""

    @property
    def scale_name(self) -> str:
        """The scale by name; "" where it has none."""
        scale: Any = getattr(self, "scale", "")
        return str(scale.get("name", "")) if isinstance(scale, Mapping) else str(scale)

    def command(self) -> list[str]:
        """The words of the command that runs the same again."""
        fields = dataclasses.fields(self)  # pyright: ignore[reportArgumentType] - a dataclass
        given = {field.name: getattr(self, field.name) for field in fields}
        usual = {field.name: field.default for field in fields}
        chosen = {name: value for name, value in given.items() if value != usual[name]}
        return ["unmask", "run", self.name, *options("--set", chosen)]


def options(option: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Settings as words of a command."""
    for name, value in settings.items():
        yield from (option, f"{name}={written(value)}")


def written(value: Any) -> str:
    """A setting as the command line reads it: text as it is, all else as JSON, none as nothing."""
    if isinstance(value, str):
        return value
    return "" if value == () else json.dumps(spec(value), ensure_ascii=False)
