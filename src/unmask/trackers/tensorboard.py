"""TensorBoard: event files in the run's own folder; nothing is sent anywhere."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.trackers.tracker import Tracker, Tracking, library

FOLDER = "tensorboard"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TensorBoard(Tracker):
    """Event files in the folder of the run, for `tensorboard --logdir STORE/runs`."""

    name: ClassVar[str] = "tensorboard"
    version: ClassVar[int] = 1

    def open(self, run: str, folder: Path, settings: Mapping[str, Any]) -> Tracking:
        summary = library("tensorboard.summary")
        # A run again shows all of its numbers again: beside the old ones each would stand twice.
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        return Events(summary.Writer(str(folder / FOLDER)))


@dataclasses.dataclass(frozen=True)
class Events(Tracking):
    """One run's event file."""

    writer: Any

    def log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()
