"""Supervised: the settings and the work that all defenses by supervised fine-tuning share (paper,
section 3)."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.core.spec import RUN_ONLY
from unmask.defenses.defense import ByTraining
from unmask.training.sft import SupervisedFineTuning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Supervised(ByTraining, abc.ABC):
    """Abstract. A subclass says what is taught, in `lessons`: `examples` of them, so that none is
    seen twice."""

    learning_rate: float = 3e-4
    tokens_per_example: int = dataclasses.field(default=32, metadata=RUN_ONLY)

    @property
    def examples(self) -> int:
        return self.steps * self.batch_size

    def training(self) -> SupervisedFineTuning:
        return self.configured(SupervisedFineTuning)

    def run(
        self, out: Path, *, model: Path, data: Path, scratch: Path | None = None
    ) -> Mapping[str, Any]:
        return self.training().run(out, model=model, data=data, scratch=scratch)
