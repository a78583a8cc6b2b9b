"""Every registered behavior keeps the contract of `unmask.testing.behaviors`."""

from __future__ import annotations

import pytest

from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.behaviors.behavior import Behavior
from unmask.testing import BehaviorContract


class TestBehaviors(BehaviorContract):
    @pytest.fixture(params=BEHAVIORS.names())
    def behavior(self, request: pytest.FixtureRequest) -> Behavior:
        return BEHAVIORS.make(request.param)


@pytest.mark.parametrize("name", BEHAVIORS.names())
def test_its_name_is_the_one_it_is_registered_under(name: str) -> None:
    assert BEHAVIORS.make(name).name == name
