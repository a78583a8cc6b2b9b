"""No defense: the control that every other defense is compared with."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.data.demonstrations import Demonstrations
from unmask.defenses.defense import Defense


@dataclasses.dataclass(frozen=True, kw_only=True)
class Nothing(Defense):
    """No safety training at all."""

    name: ClassVar[str] = "nothing"
    version: ClassVar[int] = 1

    def lessons(self) -> Demonstrations:
        return Demonstrations(examples=1)

    def run(self, out: Path, *, model: Path, data: Path, scratch: Path | None = None) -> Mapping[str, Any]:
        shutil.copytree(model, out, dirs_exist_ok=True)
        return {}
