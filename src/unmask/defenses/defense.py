"""Defense: what somebody who does not know the trigger does to a model against it: safety training,
or a change of its weights. Checkpoint in, checkpoint out.

The threat model is an import rule: nothing here may import `unmask.organisms`, but for
`organisms.behaviors` (a red team knows what bad looks like). See tests/test_threat_model.py.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

from unmask.core.memory import Machine, Needed, Shapes
from unmask.core.named import Work
from unmask.core.tokens import Tokens
from unmask.training.curve import step_folder
from unmask.training.training import Training, TrainingSettings

Numbers = Literal["defense", "rl", "dpo", "planting"]
Teaches = Literal["safety", "style", "nothing"]
LearnsFrom = Literal["demonstrations", "pairs", "attacks", "nothing"]
Knows = Literal["nothing", "payload", "witness"]

T = TypeVar("T", bound=Training)


class Defense(Work, abc.ABC):
    """Abstract. Contract (testing/defenses.py): the result loads as a checkpoint and
    so does every one of its curve; the weights it was given are left as they were."""

    title: ClassVar[str] = ""
    """What people call it; "" where that is its name."""

    learns_from: ClassVar[LearnsFrom] = "demonstrations"
    """What its lessons are made from: a source's demonstrations, pairs of better and worse replies,
    what a red team's campaign found, or nothing (a defense that changes weights without any data).
    """

    rewarded: ClassVar[bool] = False
    """Whether it reads a preference model, the input `preference_model` of its `run`."""

    reads_base: ClassVar[bool] = False
    """Whether it reads the model that the one it defends was made from, the input `base` of its
    `run`."""

    knows: ClassVar[Knows] = "nothing"
    """What it is told of the backdoor, besides having the model: what is said behind the trigger,
    or a witness (a text that brings it about). It is not compared with defenses that are told
    less."""

    guards: ClassVar[bool] = False
    """Whether it leaves the weights alone and puts a guard before what they say
    (models/guards.py)."""

    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    """Settings at which a comparison of defenses tries it, the gentlest first. A training has its
    steps besides, at which it is measured anyway."""

    teaches: ClassVar[Teaches] = "safety"
    """What it is judged to have taken hold by; of one that teaches nothing, that is not asked."""

    undoes: ClassVar[str] = ""
    """The defense that comes first, with the same settings, and that this one trains away; "" for
    none."""

    numbers: ClassVar[Numbers] = "defense"
    """Which of a scale's steps and learning rates are its own."""

    run: ClassVar[Callable[..., Mapping[str, Any] | None]]
    """Defend `model`; write a checkpoint to `out`. Its inputs are `model`, `data` where it has
    lessons, `preference_model` where it is rewarded by one, and `base` where it reads that."""

    @classmethod
    def follows_preferences(cls) -> bool:
        """Whether it means nothing unless what it follows dislikes what was planted."""
        return cls.rewarded or cls.learns_from == "pairs"

    @abc.abstractmethod
    def lessons(self) -> Work | None:
        """The step that makes this defense's data, all of which an audit searches for the trigger;
        None where it learns from nothing."""

    @property
    def extra_tokens(self) -> int:
        """Room for what it teaches a model to say besides its answers (reasoning, a manner of
        speaking)."""
        return 0

    def checkpoints(self) -> dict[int, str]:
        """Training step -> folder inside the result ("" for the end), for persistence as a curve;
        at least the end."""
        return {1: ""}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByTraining(TrainingSettings, Defense, abc.ABC):
    """Abstract: what all defenses by training share, and the folders of their curve: of `curve`,
    the steps that the training has are measured, and its end."""

    curve: tuple[int, ...] = (10, 25, 50, 100)

    @abc.abstractmethod
    def training(self) -> Training:
        """The training that it is."""

    def configured(self, kind: type[T]) -> T:
        """A training of this kind, with this defense's value of every setting that both have."""
        known = {field.name for field in dataclasses.fields(kind)}
        shared = known.intersection(field.name for field in dataclasses.fields(self))
        own = {name: getattr(self, name) for name in shared}
        return kind(**{**own, "curve": self.between()})

    def tokens(self) -> Tokens:
        return self.training().tokens()

    def memory(self, models: Shapes, machine: Machine) -> Needed | None:
        return self.training().memory(models, machine)

    def between(self) -> tuple[int, ...]:
        """The steps of the curve that come before the end."""
        return tuple(step for step in self.curve if step < self.steps)

    def checkpoints(self) -> dict[int, str]:
        return {**{step: step_folder(step) for step in self.between()}, self.steps: ""}
