"""Safety training by direct preference optimization on comparisons (see training/dpo.py; not in the
paper).

Source: Rafailov et al. 2023; the work is TRL's (von Werra et al. 2020).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.spec import RUN_ONLY
from unmask.data.preferences import Comparisons
from unmask.defenses.defense import ByTraining, LearnsFrom, Numbers
from unmask.training.dpo import DirectPreference


@dataclasses.dataclass(frozen=True, kw_only=True)
class DPO(ByTraining):
    """Direct preference optimization on HHH comparisons."""

    name: ClassVar[str] = "dpo"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "preference optimization"
    learns_from: ClassVar[LearnsFrom] = "pairs"
    numbers: ClassVar[Numbers] = "dpo"

    beta: float = 0.03
    tokens_per_example: int = dataclasses.field(default=64, metadata=RUN_ONLY)

    def lessons(self) -> Comparisons:
        return Comparisons(examples=self.training().examples, seed=self.seed)

    def training(self) -> DirectPreference:
        return self.configured(DirectPreference)

    def run(
        self, out: Path, *, model: Path, data: Path, scratch: Path | None = None
    ) -> Mapping[str, Any]:
        return self.training().run(out, model=model, data=data, scratch=scratch)
