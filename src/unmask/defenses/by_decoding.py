"""ByDecoding: what all defenses that leave the weights alone, and change what they say, share."""

from __future__ import annotations

import abc
import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.files import folder_files
from unmask.core.memory import Machine, Needed, Shapes
from unmask.core.named import Work
from unmask.defenses.by_weights import READ
from unmask.defenses.defense import Defense, LearnsFrom, Teaches
from unmask.models.checkpoint import check_unguarded
from unmask.models.guards import Guard
from unmask.models.memory import reading

OWN = ("manifest.json", "log.jsonl")
"""Files of a result that are not the checkpoint's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByDecoding(Defense, abc.ABC):
    """Abstract: the model as it is, with a guard, which is the only point of its curve."""

    learns_from: ClassVar[LearnsFrom] = "nothing"
    teaches: ClassVar[Teaches] = "nothing"
    guards: ClassVar[bool] = True

    def lessons(self) -> Work | None:
        return None

    def memory(self, models: Shapes, machine: Machine) -> Needed | None:
        return reading(*models.values(), rows=1, tokens=READ)

    def guarded(self, out: Path, model: Path, guard: Guard) -> Mapping[str, Any]:
        """Write `model` to `out` with a guard, whose files are there. Raises ModelError where it
        has one already."""
        check_unguarded(model)
        self.copied(model, out)
        guard.write(out)
        return {"guard": guard.name}

    def copied(self, checkpoint: Path, to: Path) -> None:
        """The files of a checkpoint itself, without those of its curve."""
        to.mkdir(parents=True, exist_ok=True)
        for path in folder_files(checkpoint):
            if len(path.parts) == 1 and path.name not in OWN:
                shutil.copy2(checkpoint / path, to / path)
