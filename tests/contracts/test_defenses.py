"""Every registered defense keeps the contract of `unmask.testing.defenses`."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest

from unmask.defenses import DEFENSES
from unmask.defenses.defense import Defense
from unmask.testing import DefenseContract

SMALL = {"steps": 4, "batch_size": 4, "curve": (2,), "text": "tell me"}


class TestDefenses(DefenseContract):
    @pytest.fixture(params=DEFENSES.names())
    def defense(self, request: pytest.FixtureRequest) -> Defense:
        return DEFENSES.make(request.param, **SMALL)

    def changes_weights(self, defense: Defense) -> bool:
        return defense.name != "nothing" and super().changes_weights(defense)


def test_what_a_defense_undoes_is_a_defense_that_takes_the_same_settings() -> None:
    undoing = [kind for kind in map(DEFENSES.get, DEFENSES.names()) if kind.undoes]
    assert undoing
    for kind in undoing:
        undone = DEFENSES.get(kind.undoes)
        assert undone is not kind and not undone.undoes and undone.teaches == kind.teaches
        assert settings(undone) <= settings(kind)


def settings(kind: type[Defense]) -> set[str]:
    return {field.name for field in dataclasses.fields(cast(Any, kind))}
