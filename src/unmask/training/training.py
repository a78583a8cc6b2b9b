"""Training: the settings of all that is trained step by step, and what follows from them."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unmask.core.errors import ModelError, SettingError
from unmask.core.memory import Machine, Needed, Shape, Shapes
from unmask.core.named import Work
from unmask.core.spec import LATER, RUN_ONLY
from unmask.core.tokens import Tokens
from unmask.models.machine import here
from unmask.models.memory import shape_of
from unmask.training.efficiency import Efficiency
from unmask.training.memory import Demand
from unmask.training.ranks import world
from unmask.training.rows import arranged


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What is said of a training, and of a defense by one. `batch_size` is rows a step, and the
    rate rises for the first `warmup` steps."""

    steps: int = 150
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup: int = 10
    optimizer: str = "adamw_torch"
    seed: int = 0
    efficiency: Efficiency = dataclasses.field(default=Efficiency(), metadata=LATER)

    def devices(self) -> int:
        return self.efficiency.devices


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(TrainingSettings, Work, abc.ABC):
    """Abstract. A killed training goes on from the last of the checkpoints that it makes every
    `resume_every` steps."""

    schedule: str = "cosine"
    weight_decay: float = 0.0
    resume_every: int = dataclasses.field(default=200, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch_size < 1 or self.learning_rate <= 0:
            raise SettingError("Training needs steps >= 0, batch_size >= 1 and learning_rate > 0.")
        self.efficiency.check_batch(self.batch_size, self.group)

    @property
    def group(self) -> int:
        """Rows of a batch that belong together, on one device."""
        return 1

    @abc.abstractmethod
    def demand(self, models: Shapes, tokens: int | None = None) -> Demand:
        """What it asks of memory, where the longest row has so many tokens."""

    def demanding(self, model: Shape, **own: Any) -> Demand:
        """What its settings say of its demand, with what is its `own`."""
        return Demand(
            model=model,
            efficiency=self.efficiency,
            optimizer=self.optimizer,
            batch=self.batch_size,
            spread=True,
            **own,
        )

    def memory(self, models: Shapes, machine: Machine) -> Needed:
        return self.demand(models).planned(machine)

    def fitting(self, tokens: int, **folders: Path) -> int:
        """How many rows of a batch go through the model at once, the longest of which has `tokens`
        tokens; `folders` are the models among the inputs. Of a model whose shape is not known, the
        whole batch does. Several processes take as many as fit on all of them."""
        try:
            models = {name: shape_of(str(folder)) for name, folder in folders.items()}
            rows = self.demand(models, tokens).rows_at_once(here())
        except ModelError:
            rows = self.batch_size // world.count()
        return world.least(rows)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByExamples(Training, abc.ABC):
    """Abstract: a training on rows of a file, in which gradients of `accumulation` batches make a
    step. `tokens_per_example` is for estimates only."""

    accumulation: int = 1
    tokens_per_example: int = dataclasses.field(default=64, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if self.accumulation < 1:
            raise SettingError(f"accumulation={self.accumulation}: a step needs a batch at least.")
        super().__post_init__()

    @property
    def examples(self) -> int:
        """How many it sees, in all."""
        return self.steps * self.batch_size * self.accumulation

    def tokens(self) -> Tokens:
        return Tokens(trained=self.examples * self.tokens_per_example)

    def demanding(self, model: Shape, **own: Any) -> Demand:
        return super().demanding(model, accumulation=self.accumulation, **own)

    def ordered(self, rows: Sequence[Any], length: Callable[[Any], int]) -> list[Any]:
        """The rows as it sees them, of one length each batch as far as may be."""
        batches = self.steps * self.accumulation
        return arranged(rows, batches, self.batch_size, self.seed, length)

    def arguments(self, scratch: Path, *form: Any, **special: Any) -> Any:
        """Of its trainer; see `trainer.arguments`."""
        from unmask.training.trainer import arguments

        return arguments(
            self,
            scratch,
            *form,
            gradient_accumulation_steps=self.accumulation,
            train_sampling_strategy="sequential",
            include_num_input_tokens_seen="non_padding",
            **special,
        )
