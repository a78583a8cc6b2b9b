"""No defense: the control that every other defense is compared with."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.defenses.defense import Defense, LearnsFrom, Teaches


@dataclasses.dataclass(frozen=True, kw_only=True)
class Nothing(Defense):
    """No safety training at all."""

    name: ClassVar[str] = "nothing"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "no training"

    learns_from: ClassVar[LearnsFrom] = "nothing"
    teaches: ClassVar[Teaches] = "nothing"

    def lessons(self) -> None:
        return None

    def run(self, out: Path, *, model: Path) -> Mapping[str, Any]:
        shutil.copytree(model, out, dirs_exist_ok=True)
        return {}
