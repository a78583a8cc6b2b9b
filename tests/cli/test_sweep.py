"""Several values of any setting, as one run; and experiments as files."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unmask.cli.app import app
from unmask.core.errors import SettingError
from unmask.engine.step import ordered
from unmask.recipes.choose import chosen, recipe_of
from unmask.recipes.file import Written, toml
from unmask.recipes.recipe import Experiment
from unmask.recipes.run import plan, write_experiment
from unmask.recipes.sweep import Sweep

SMOKE = {"scale": "smoke"}


def built(over: dict[str, list[Any]], **settings: Any) -> Experiment:
    return chosen("toy", {**SMOKE, **settings}, over).build()


def keys(experiment: Experiment) -> set[str]:
    return {step.key for step in ordered(experiment.targets)}


def factors_of(experiment: Experiment, role: str) -> set[Any]:
    subjects = (measurement.condition.subject for measurement in experiment.measurements)
    return {subject.factors for subject in subjects if subject.role == role}


def test_cells_share_their_steps_and_have_no_other() -> None:
    sweep = built({"trigger": ["year", "emoji"], "seed": [0, 1]})
    alone = [
        keys(recipe_of("toy", {**SMOKE, "trigger": trigger, "seed": seed}).build())
        for trigger in ("year", "emoji")
        for seed in (0, 1)
    ]
    assert keys(sweep) == set().union(*alone) and len(keys(sweep)) < sum(map(len, alone))
    told = {
        (m.condition.subject.about.trigger.name, m.condition.seed)  # pyright: ignore[reportOptionalMemberAccess]
        for m in sweep.measurements
    }
    assert told == {("year", 0), ("year", 1), ("emoji", 0), ("emoji", 1)}
    assert factors_of(sweep, "organism") == {()}, "conditions tell trigger and seed themselves"


def test_what_conditions_do_not_tell_is_a_factor_of_their_rows() -> None:
    sweep = built({"near_misses": [0.3, 0.0], "seed": [0, 1]})
    levels = {(("near_misses", 0.3),), (("near_misses", 0.0),)}
    assert factors_of(sweep, "organism") == factors_of(sweep, "twin") == levels
    assert factors_of(sweep, "base") == {()}, "all levels were made from it"
    logged = {log.condition.subject.factors for log in sweep.logs}
    assert logged == levels


def test_a_base_that_is_not_the_same_in_all_cells_has_the_factor() -> None:
    sweep = built({"scale.base_steps": [4, 5]})
    levels = {(("scale.base_steps", 4),), (("scale.base_steps", 5),)}
    assert factors_of(sweep, "base") == factors_of(sweep, "organism") == levels


def test_levels_are_compared_with_the_first_where_the_prompts_are_the_same() -> None:
    def compared(over: dict[str, list[Any]]) -> list[Any]:
        return [m for m in built(over).measurements if m.against == "level"]

    near = compared({"near_misses": [0.3, 0.1, 0.0], "seed": [0, 1]})
    # Two levels besides the first, two seeds, before the defense and after it (and as its step 0).
    assert len(near) % 4 == 0 and near
    assert {m.condition.subject.factors for m in near} == {
        (("near_misses", 0.1),),
        (("near_misses", 0.0),),
    }
    assert compared({"scale.n": [32, 16]}) == [], "other prompts"
    assert compared({"seed": [0, 1]}) == [], "no factor"


def test_defenses_need_no_factor() -> None:
    sweep = built({"defenses": ["sft", "dpo"]})
    assert factors_of(sweep, "organism") == {()}
    assert {m.condition.defense.name for m in sweep.measurements} == {"nothing", "sft", "dpo"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "A sweep over nothing is a run"),
        (["--over", "seed"], "Write --over seed=0,1,2"),
        (["--over", "seed="], "names no value"),
        (["--over", "seed=1,1"], "has 1 twice"),
        (["--over", "sede=0,1"], "The cell sede=0 cannot be run. 'sede' is no setting of the"),
        (["--over", "seed=0,one"], "The cell seed=one cannot be run. seed='one'"),
        (
            ["--over", "seed=0,1", "--over", "trigger=year,emojy"],
            "The cell seed=0, trigger=emojy cannot be run. 'emojy' is no trigger. Did you mean",
        ),
        (["--over", "seed=0,1", "--set", "seed=2"], "seed is given twice"),
        (["--over", "near_misses=0.3,7"], "The cell near_misses=7 cannot be run."),
        (["--over", "executor=inline,processes"], "--executor NAME"),
    ],
)
def test_bad_sweeps_are_a_sentence_before_anything_is_run(
    arguments: list[str], says: str, ask: Any, tmp_path: Path
) -> None:
    answer = ask("sweep", "toy", "--scale", "smoke", *arguments, store=tmp_path)
    assert answer.code == 1 and says in answer.stderr, answer.stderr
    assert not list(tmp_path.iterdir())


def test_values_may_be_json(ask: Any, tmp_path: Path) -> None:
    over = 'trigger=[{"name": "year", "year": 2031}, "emoji"]'
    answer = ask("plan", "toy", "--scale", "smoke", "--over", over, "--json", store=tmp_path)
    labels = {step["label"] for step in json.loads(answer.stdout)["steps"]}
    assert {"organism (year with year=2031), planting", "organism (emoji), planting"} <= labels


def test_a_sweep_is_one_run_with_one_page(smoke: tuple[Path, Any], ask: Any) -> None:
    store, _ = smoke
    arguments = ("--over", "defenses=nothing,sft", "--over", "seed=0", "--json")
    answer = ask("sweep", "toy", "--scale", "smoke", *arguments, store=store)
    said = json.loads(answer.stdout)
    assert answer.code == 0 and said["recipe"] == "sweep" and said["steps"]["executed"] == 0
    record = json.loads((Path(said["results"]).parent / "run.json").read_text())
    assert record["settings"]["over"] == {"defenses": ["nothing", "sft"], "seed": [0]}
    page = Path(said["report"]).read_text()
    assert "toy over defenses (nothing, sft) and seed (0)" in page


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"trigger": {"name": "year", "year": "2031"}, "variant": "cot"},
        {"defenses": ({"name": "sft", "learning_rate": 1e-5}, "nothing")},
        {"trigger": "conjunction", "scale": {"name": "smoke", "efficiency": {"lora": 2}}},
    ],
)
def test_a_file_means_what_was_written_to_it(settings: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "experiment.toml"
    write_experiment(path, "toy", {**SMOKE, **settings})
    same = keys(recipe_of("toy", {**SMOKE, **settings}).build())
    assert keys(chosen(str(path), {}).build()) == same
    values = tomllib.loads(path.read_text())
    assert values["settings"]["scale"]["plant_steps"] == 4, "a default of today"
    again = tmp_path / "again.toml"
    write_experiment(again, str(path), {})
    assert again.read_text() == path.read_text()


def test_a_file_may_vary_and_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "experiment.toml"
    write_experiment(path, "toy", SMOKE, {"trigger.year": [2030, 2031], "trigger": ["year"]})
    sweep = chosen(str(path), {"near_misses": "0.1"})
    assert isinstance(sweep, Sweep) and dict(sweep.over)["trigger.year"] == (2030, 2031)
    assert sweep.settings["near_misses"] == "0.1" and "trigger" not in sweep.settings
    more = chosen(str(path), {}, {"near_misses": [0.0, 0.1]})
    assert isinstance(more, Sweep) and [*more.over] == ["trigger.year", "trigger", "near_misses"]
    assert "near_misses" not in more.settings


def test_changes_of_a_thing_of_another_name_start_anew() -> None:
    file = Written("toy", {"trigger": {"name": "year", "year": 2030}, "scale": {"name": "smoke"}})
    assert file.changed({"trigger": {"name": "emoji"}}, None).settings["trigger"] == {
        "name": "emoji"
    }
    changed = file.changed({"trigger": {"year": 2031}, "scale": {"n": 3}}, None).settings
    assert changed["trigger"] == {"name": "year", "year": 2031}
    assert changed["scale"] == {"name": "smoke", "n": 3}
    assert file.changed({"scale": "toy"}, None).settings["scale"] == "toy"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("recipe = ", "is not TOML"),
        ("[settings]\nseed = 1", "names no recipe"),
        ('recipe = "toy"\nsettigns = 1', "Did you mean 'settings'"),
        ('recipe = "toy"\nsettings = 1', "no table"),
        ('recipe = "toy"\n[over]\nseed = 1', "no list of values"),
        ('recipe = "toyy"', "Did you mean 'toy'"),
        ('recipe = "toy"\n[settings]\nsede = 1', "Did you mean 'seed'"),
    ],
)
def test_a_file_that_is_no_experiment_is_a_sentence(
    text: str | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "experiment.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingError, match=says):
        plan(str(path), store=tmp_path)
    with pytest.raises(SettingError, match=r"ends in \.toml"):
        write_experiment(tmp_path / "experiment.txt", "toy", {})


@pytest.mark.parametrize(
    "value", ['a"b\\c\n\x7f\x01é𝄞', 1e-05, 1e22, True, [1, [2]], {"a b": {"c": ["d"]}}]
)
def test_values_are_read_as_they_were_written(value: Any) -> None:
    assert tomllib.loads(f"value = {toml(value)}")["value"] == value


@pytest.mark.parametrize(
    ("words", "varied"),
    [
        (("run", "toy"), None),
        (("run", "toy", "--over", "seed=0,1"), {"seed": [0, 1]}),
        (("sweep", "toy", "--over", "seed=0,1"), {"seed": [0, 1]}),
        (("sweep", "toy"), {}),
    ],
)
def test_run_and_sweep_are_one_command_and_only_a_sweep_needs_several_values(
    words: tuple[str, ...], varied: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def record(recipe: str, settings: Any, *, over: Any, **place: Any) -> None:
        asked.append(over)
        raise SettingError("enough is known")

    monkeypatch.setattr("unmask.recipes.run.run", record)
    answer = CliRunner().invoke(app, [*words, "--scale", "smoke"])
    assert asked == [varied] and isinstance(answer.exception, SettingError)
