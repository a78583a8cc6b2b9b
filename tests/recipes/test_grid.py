"""The grid of a plan: every step in one cell, with what it cost or will cost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from unmask.core.memory import GIB, Machine
from unmask.engine.plan import Plan
from unmask.engine.step import Step
from unmask.engine.store import Store
from unmask.recipes import RECIPES
from unmask.recipes.grid import Grid, Place, placed
from unmask.recipes.recipe import Experiment

GPU = Machine(device="cuda", total=80 * GIB, free=80 * GIB)
SETTINGS = {"name": "paper:sft", "scale": "smoke", "seeds": (0, 1), "variants": ("standard",)}


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return RECIPES.make(SETTINGS).build()


def made(store: Store, step: Step, facts: dict[str, Any]) -> float:
    """Leave a result of a step in the store; how many seconds it took."""

    def work(out: Path, scratch: Path) -> dict[str, Any]:
        time.sleep(0.01)
        return facts

    return store.make(step, work)[0].seconds


def test_every_step_is_in_one_cell(experiment: Experiment, tmp_path: Path) -> None:
    plan = Plan.of(experiment.targets, Store(tmp_path))
    grid = Grid.of(experiment, plan, GPU)
    total = grid.total
    assert (total.done.steps, total.to_do.steps) == (0, len(plan.steps))
    assert total.to_do.tokens == plan.tokens
    assert total.to_do.seconds == pytest.approx(plan.seconds)
    assert len({cell.place for cell in grid.cells}) == len(grid.cells)
    assert total.memory == max(cell.memory for cell in grid.cells) > 0


def test_what_is_shared_is_with_those_that_share_it(experiment: Experiment, tmp_path: Path) -> None:
    steps = [planned.step for planned in Plan.of(experiment.targets, Store(tmp_path)).steps]
    places = placed(experiment, steps)
    bases = [places[step.key] for step in steps if step.name == "tiny_model"]
    assert bases == [Place()], "one base for both seeds"
    defenses = [places[step.key] for step in steps if step.name == "sft"]
    assert all(place.organism and place.defense for place in defenses)
    planted = [places[step.key] for step in steps if step.name == "planting_lessons"]
    assert {place.organism.seed for place in planted if place.organism} == {0, 1}
    assert all(place.defense is None for place in planted)


def test_what_was_spent_is_what_manifests_say(experiment: Experiment, tmp_path: Path) -> None:
    store = Store(tmp_path)
    steps = [planned.step for planned in Plan.of(experiment.targets, store).steps]
    one, two, other = [step for step in steps if step.name == "sft"][:3]
    seconds = made(store, one, {"device": "cuda:0", "tokens": 70})
    seconds += 4 * made(store, two, {"device": "cuda:0", "ranks": 4, "tokens": 30})
    made(store, other, {"device": "cpu", "tokens": 1})
    total = Grid.of(experiment, Plan.of(experiment.targets, store), GPU).total
    assert (total.done.steps, total.done.tokens) == (3, 101)
    assert total.done.gpu_seconds == pytest.approx(seconds) and seconds >= 0.05
    assert total.to_do.steps == len(steps) - 3
    assert 0 < total.to_do.gpu_seconds < total.to_do.seconds, "lessons are made without a GPU"
