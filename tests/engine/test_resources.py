"""What a step asks of the node on which it runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

from unmask.core.memory import GIB, Machine, Needed, Resources, Shape, Shapes
from unmask.core.named import Work
from unmask.core.tokens import Tokens
from unmask.defenses import DEFENSES
from unmask.engine.step import Step
from unmask.training.efficiency import Efficiency
from unmask.training.sft import SupervisedFineTuning

COMPUTER = Machine("cpu", 64 * GIB, 64 * GIB)
WITH_GPU = Machine("cuda", 80 * GIB, 80 * GIB, bfloat16=True)
SHAPE = Shape(
    **dict.fromkeys(("parameters", "embeddings", "layers", "width", "feed_forward"), 1),
    **dict.fromkeys(("heads", "keys", "vocabulary", "context"), 1),
    tied=True,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Base(Work):
    """Makes a model."""

    name: ClassVar[str] = "base"
    version: ClassVar[int] = 1

    def shape(self) -> Shape:
        return SHAPE

    def tokens(self) -> Tokens:
        return Tokens(trained=100)

    def run(self, out: Path) -> None:
        pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(Work):
    """Trains a model."""

    name: ClassVar[str] = "training"
    version: ClassVar[int] = 1

    def memory(self, models: Shapes, machine: Machine) -> Needed:
        return Needed(rows=1, tokens=1, weights=2 * GIB, activations=3 * GIB)

    def run(self, out: Path, *, model: Path) -> None:
        pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranks(Training):
    """Trains a model with several processes of one node."""

    def resources(self, models: Shapes, machine: Machine) -> Resources:
        alone = super().resources(models, machine)
        return dataclasses.replace(alone, cpus=2, gpus=2 * alone.gpus)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lessons(Work):
    """Makes no model and reads none."""

    name: ClassVar[str] = "lessons"
    version: ClassVar[int] = 1

    def run(self, out: Path) -> None:
        pass


def test_memory_is_what_the_plan_says_and_a_gib_for_the_libraries() -> None:
    training = Step(Training(), {"model": Step(Base())})
    assert training.resources(COMPUTER) == Resources(memory=6 * GIB)
    assert training.resources(WITH_GPU) == Resources(gpus=1, memory=3 * GIB), "weights pass through"


def test_only_what_has_a_model_asks_for_a_gpu() -> None:
    assert Step(Base()).resources(WITH_GPU) == Resources(gpus=1)
    assert Step(Lessons()).resources(WITH_GPU) == Resources()
    assert Step(Base()).resources(COMPUTER) == Resources()


def test_work_of_several_processes_says_so_itself() -> None:
    training = Step(Ranks(), {"model": Step(Base())})
    assert training.resources(WITH_GPU) == Resources(cpus=2, gpus=2, memory=3 * GIB)


def test_a_training_on_several_devices_asks_for_all_of_them() -> None:
    one = SupervisedFineTuning()
    two = dataclasses.replace(one, efficiency=Efficiency(devices=2))
    alone, together = (work.resources({}, WITH_GPU) for work in (one, two))
    assert (alone.cpus, alone.gpus) == (1, 1)
    assert (together.cpus, together.gpus) == (2, 2)
    defense = DEFENSES.make("sft", efficiency=two.efficiency)
    assert defense.resources({}, WITH_GPU) == together
