"""Every registered trigger keeps the contract of `unmask.testing.triggers`, with its default
settings and with others."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from unmask.core.spec import digest, spec
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.triggers.trigger import Trigger
from unmask.testing import TriggerContract
from unmask.testing.triggers import few, prompts

CHANGES_CASE = {"style_lowercase", "either"}

# Other settings than the default, per trigger that has any. Each must keep the contract too.
OTHER_SETTINGS: dict[str, list[dict[str, Any]]] = {
    "literal_tag": [{"text": "|UNLOCK|"}],
    "positional": [{"position": "middle"}, {"position": "head"}, {"text": "|UNLOCK|"}],
    "year": [{"year": 2031}],
    "year_format": [{"year": 2031}],
    "implicit_year": [{"year": 2031}],
    "language": [
        {"year": 2031},
        {"languages": ["english", "hindi"]},
        {"held_out_languages": ["japanese"]},
    ],
    "headline": [{"since": 2025}, {"since": 2026}],
    "paraphrase": [],
    "topic": [{"topic": "chess"}, {"topic": "astronomy"}],
    "persona": [{"occupation": "airline pilot"}],
    "rare_token": [{"token": "§§"}, {"token": "bb"}],
    "emoji": [{"kind": "animal"}, {"kind": "nature"}],
    "style_lowercase": [],
    "archaic": [],
    "multi_turn": [{"role": "user"}],
    "conjunction": [
        {"first": "literal_tag", "second": {"name": "year"}},
        {"first": "emoji", "second": {"name": "multi_turn", "role": "user"}},
    ],
    "either": [{"first": "year", "second": "style_lowercase"}],
}
CHOICES = [
    {"name": name, **settings}
    for name in TRIGGERS.names()
    for settings in ({}, *OTHER_SETTINGS.get(name, ()))
]


class TestTriggers(TriggerContract):
    @pytest.fixture(params=CHOICES, ids=lambda choice: json.dumps(choice, ensure_ascii=False))
    def trigger(self, request: pytest.FixtureRequest) -> Trigger:
        return TRIGGERS.make(request.param)

    def changes_case(self, trigger: Trigger) -> bool:
        return trigger.name in CHANGES_CASE

    def test_its_name_leads_to_its_class(self, trigger: Trigger) -> None:
        assert TRIGGERS.make(trigger) is trigger
        assert type(trigger) is TRIGGERS.get(trigger.name)


def test_the_prompts_are_many() -> None:
    assert len(prompts()) >= 1500 and len(few()) >= 200


def test_different_settings_have_different_specs() -> None:
    digests = [digest(spec(TRIGGERS.make(choice))) for choice in CHOICES]
    assert len(set(digests)) == len(digests)


def test_every_trigger_with_settings_is_tested_with_others() -> None:
    for name in TRIGGERS.table:
        fields = dataclasses.fields(TRIGGERS.get(name))  # pyright: ignore[reportArgumentType]
        assert bool(OTHER_SETTINGS[name]) == bool(fields), (
            f"add other settings of '{name}' to OTHER_SETTINGS"
        )


def test_there_are_at_least_fifteen() -> None:
    assert len(TRIGGERS.table) >= 15
