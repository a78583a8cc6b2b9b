"""Trackio: a dashboard on this machine, for `trackio show`; it is sent only where TRACKIO_SPACE_ID
or TRACKIO_SERVER_URL say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.trackers.tracker import Tracker, Tracking, library


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trackio(Tracker):
    """Trackio's local dashboard; `project` is what the run stands under."""

    name: ClassVar[str] = "trackio"
    version: ClassVar[int] = 1

    project: str = "unmask"

    def open(self, run: str, folder: Path, settings: Mapping[str, Any]) -> Tracking:
        # The machine's own load is no number of the run.
        quiet = {"embed": False, "auto_log_cpu": False, "auto_log_gpu": False}
        opened = library("trackio").init(self.project, run, config=dict(settings), **quiet)
        return Dashboard(opened)


@dataclasses.dataclass(frozen=True)
class Dashboard(Tracking):
    """One run of a project."""

    run: Any

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(dict(values), step=step)

    def close(self) -> None:
        self.run.finish()
