"""Defense: safety training by somebody who does not know the trigger. Checkpoint in, checkpoint out.

The threat model is an import rule: nothing here may import `unmask.organisms`, but for `organisms.behaviors` (a red
team knows what bad looks like). See tests/test_threat_model.py.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.core.named import Work
from unmask.training.sft import step_folder


class Defense(Work, abc.ABC):
    """Abstract. Contract (tests/contracts/test_defenses.py): the result loads as a checkpoint and so does every one
    of its curve; the weights it was given are left as they were."""

    @abc.abstractmethod
    def lessons(self) -> Work:
        """The step that makes this defense's data from a source; an audit searches all of it for the trigger."""

    @abc.abstractmethod
    def run(self, out: Path, *, model: Path, data: Path, scratch: Path | None = None) -> Mapping[str, Any]:
        """Defend `model` with what `lessons` made; write a checkpoint to `out`."""

    @property
    def extra_tokens(self) -> int:
        """Room for what it teaches a model to say besides its answers (reasoning, a manner of speaking)."""
        return 0

    def checkpoints(self) -> dict[int, str]:
        """Training step -> folder inside the result ("" for the end), for persistence as a curve; at least the end."""
        return {1: ""}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByTraining(Defense, abc.ABC):
    """Abstract: the settings that all defenses by training share, and the folders of their curve.

    `batch_size` is rows a step (of RL: replies); of `curve`, the steps that the training has are measured, and its end.
    """

    steps: int = 150
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup: int = 10
    optimizer: str = "adamw_torch"
    curve: tuple[int, ...] = (10, 25, 50, 100)
    seed: int = 0

    @abc.abstractmethod
    def training(self) -> Work:
        """The training that it is."""

    def tokens(self) -> int:
        return self.training().tokens()

    def between(self) -> tuple[int, ...]:
        """The steps of the curve that come before the end."""
        return tuple(step for step in self.curve if step < self.steps)

    def checkpoints(self) -> dict[int, str]:
        return {**{step: step_folder(step) for step in self.between()}, self.steps: ""}
