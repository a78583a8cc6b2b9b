"""Recipe: an experiment as a frozen dataclass; its fields are its settings, `build` returns its graph of steps."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

from unmask.core.named import Named
from unmask.engine.step import Part, Step


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One evaluation of one model. `labels` are the fields of its rows that the evaluation cannot know: `organism`,
    `control_of`, `model` (the name), `defense`, `defense_step`, `factors`, and of a paired difference `against`."""

    labels: Mapping[str, Any]
    evaluation: Step
    rates: Step


@dataclasses.dataclass(frozen=True)
class Log:
    """How one training went: the folder with its log.jsonl, and whose training it was."""

    labels: Mapping[str, Any]
    seed: int
    training: Part


@dataclasses.dataclass(frozen=True)
class Campaign:
    """A red team's attempts on one model: the step that has them all, and the one that says which hold the trigger."""

    labels: Mapping[str, Any]
    seed: int
    attacks: Step
    found: Step


@dataclasses.dataclass(frozen=True)
class Experiment:
    """All that a recipe wants measured, and `extras` that it wants made; running it means making all of them.

    `penalized` are the labels of defenses that mean nothing unless the preference model dislikes what was planted.
    """

    title: str
    question: str
    measurements: tuple[Measurement, ...]
    extras: tuple[Step, ...] = ()
    logs: tuple[Log, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    penalized: frozenset[str] = frozenset()

    @property
    def targets(self) -> list[Step]:
        trainings = (log.training.step for log in self.logs)
        return [*(measurement.rates for measurement in self.measurements), *self.extras, *trainings]


class Recipe(Named, abc.ABC):
    """Abstract. Contract (tests/contracts/test_recipes.py and tests/test_threat_model.py): building is quick, writes
    nothing and imports no torch (a base of one's own is looked at, so that a bad one fails before anything is spent);
    the same settings give the same keys; no defense's settings or data carry the trigger's text."""

    @abc.abstractmethod
    def build(self) -> Experiment:
        """The graph. Raises SettingError, UnknownName or ModelError for settings that cannot work."""
