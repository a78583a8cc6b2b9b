"""Weights & Biases: sends what it is given to its server, unless WANDB_MODE=offline keeps it in the
run's folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.trackers.tracker import Tracker, Tracking, library

STEP = "training_step"


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsAndBiases(Tracker):
    """Weights & Biases; `project` is what the run stands under, `entity` whose it is."""

    name: ClassVar[str] = "wandb"
    version: ClassVar[int] = 1

    project: str = "unmask"
    entity: str = ""

    def open(self, run: str, folder: Path, settings: Mapping[str, Any]) -> Tracking:
        opened = library("wandb").init(
            project=self.project,
            entity=self.entity or None,
            name=run,
            dir=str(folder),
            config=dict(settings),
        )
        # Its own step may only grow, and the steps of several trainings come mixed.
        opened.define_metric("*", step_metric=STEP)
        return Online(opened)


@dataclasses.dataclass(frozen=True)
class Online(Tracking):
    """One run of a project."""

    run: Any

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.run.log({**values, STEP: step})

    def close(self) -> None:
        self.run.finish()
