"""What a tracker is shown of a run: every number of it, as soon as the store has it; and that a
broken tracker is no broken run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import unmask
from unmask.core import progress
from unmask.core.row import read_rows
from unmask.engine.store import Store
from unmask.recipes import RECIPES
from unmask.recipes.recipe import Experiment
from unmask.recipes.tracking import Mirror, label, mirrored
from unmask.trackers.tracker import Tracker, Tracking

Smoke = tuple[Path, Any]


class Recorded(Tracking):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, int], float] = {}
        self.closed = False

    def log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            assert (name, step) not in self.points, "no number is shown twice"
            self.points[name, step] = value

    def close(self) -> None:
        self.closed = True


class Broken(Tracking):
    """A server that is not there."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        raise OSError("no route to host")

    def close(self) -> None:
        raise AssertionError("it never got so far")


class Opening(Tracker):
    """Opens what it was made with."""

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking

    def open(self, run: str, folder: Path, settings: Mapping[str, Any]) -> Tracking:
        return self.tracking


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return RECIPES.make({"name": "toy", "scale": "smoke"}).build()


def test_every_number_of_a_run_is_shown_when_it_is_there(
    smoke: Smoke, experiment: Experiment, tmp_path: Path
) -> None:
    shown = Recorded()
    mirror = Mirror(experiment, Store(tmp_path / "store"), shown)
    mirror.look()
    assert shown.points == {}
    shutil.copytree(smoke[0], tmp_path / "store", dirs_exist_ok=True)
    mirror.look()
    mirror.look()
    names: dict[tuple[str, int], float] = {}
    for row in read_rows(smoke[1].results):
        name = f"{row.evaluation}/{row.metric}/{row.arm}/{label(row.condition)}"
        names[name, row.defense_step] = row.value
    curves = {point for point in shown.points if point[0].startswith("training/")}
    assert {point: shown.points[point] for point in shown.points.keys() - curves} == names
    assert {name.split("/")[1] for name, _ in curves} >= {"loss"}
    assert len({step for _, step in curves}) > 1


def test_a_run_is_mirrored_to_its_end(smoke: Smoke, experiment: Experiment) -> None:
    shown = Recorded()
    recipe = RECIPES.make({"name": "toy", "scale": "smoke"})
    with mirrored(Opening(shown), recipe, experiment, smoke[1].run, Store(smoke[0])):
        pass
    assert shown.closed and shown.points


def test_a_tracker_that_breaks_is_said_and_the_run_goes_on(
    smoke: Smoke, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(progress, "say", told.append)
    recipe = RECIPES.make({"name": "toy", "scale": "smoke"})
    with mirrored(Opening(Broken()), recipe, experiment, smoke[1].run, Store(smoke[0])):
        pass
    assert told == ["The tracker stopped, the run goes on: OSError: no route to host"]


def test_a_run_with_a_tracker_leaves_its_files_and_the_same_result(smoke: Smoke) -> None:
    pytest.importorskip("tensorboard")
    store, result = smoke
    again = unmask.run("toy", scale="smoke", store=store, track="tensorboard", show_progress=False)
    assert again.run == result.run and again.steps["executed"] == 0
    assert list((Path(again.report).parent / "tensorboard").glob("events.*"))
    with pytest.raises(unmask.UnmaskError, match="is no tracker"):
        unmask.run("toy", scale="smoke", store=store, track="tensorbord", show_progress=False)
