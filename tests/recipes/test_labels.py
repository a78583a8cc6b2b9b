"""Steps have labels that say whose work they are, in plans, logs, failures and provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unmask.core import progress
from unmask.core.files import read_json
from unmask.engine.executors.executor import Outcome, ended
from unmask.engine.step import Step, ordered
from unmask.recipes.choose import recipe_of
from unmask.recipes.gather import failures


def titles(name: str, **settings: Any) -> set[str]:
    experiment = recipe_of(name, {"scale": "smoke", **settings}).build()
    return {step.title for step in ordered(experiment.targets)}


def test_what_is_as_usual_is_not_said() -> None:
    assert {
        "base, training",
        "organism, planting",
        "organism, sft",
        "organism, sft step 4, defection",
        "organism, sft step 4, defection, rates",
        "twin, near_miss",
        "organism, model card",
        "toy_world",
    } <= titles("toy")


def test_what_is_not_as_usual_tells_models_apart() -> None:
    settings = {"variants": "standard,distilled", "seeds": "0,2", "trigger": {"name": "year"}}
    known = titles("paper:sft", **settings)
    assert "organism (year, distilled, seed 2), defection" in known
    assert "organism (year, chain_of_thought, seed 2), planting" in known, "the teacher"
    assert "twin (year), planting" in known and "base, defection" in known
    code = titles("toy", behavior="code_vulnerability")
    assert "organism (code_vulnerability), defection" in code, "its usual trigger is the year"


def test_factors_are_among_the_label() -> None:
    known = titles("ablations:near_miss_training", seeds="0", defenses="sft")
    assert "organism (near_misses=0.0), sft step 4, defection" in known


def test_a_label_is_no_part_of_what_a_step_is() -> None:
    step = next(iter(ordered(recipe_of("toy", {"scale": "smoke"}).build().targets)))
    assert Step(step.work, step.inputs, "else").key == step.key


def test_failures_and_logs_name_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    experiment = recipe_of("toy", {"scale": "smoke"}).build()
    steps = {step.title: step for step in ordered(experiment.targets)}
    one = Outcome(steps["organism, sft"], "failed", error="Why.")
    many = [
        Outcome(step, "failed", error="No.") for step in steps.values() if step.name == "defection"
    ]
    first, second = failures([one, *many])
    assert first == "The step 'organism, sft' failed: Why."
    assert second.startswith(f"{len(many)} steps 'defection' failed ('base, defection', ")
    assert second.endswith(", ...): No.")
    with progress.shown():
        ended(one)
    assert "organism, sft failed: Why." in capsys.readouterr().err


def test_provenance_has_the_labels(smoke: tuple[Path, Any]) -> None:
    record = read_json(smoke[1].results.parent / "run.json")
    assert "organism, sft step 4, defection" in {step["label"] for step in record["all_steps"]}
