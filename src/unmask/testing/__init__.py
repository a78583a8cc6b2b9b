"""What every trigger, behavior, source, defense, evaluation and detector must keep, as tests for
those of your own.

    from unmask.testing import TriggerContract

    class TestKnock(TriggerContract):
        @pytest.fixture
        def trigger(self) -> Trigger:
            return Knock()

A contract is a class of tests; it needs the one fixture that is overridden here. Contracts of what
has to do with models and prompts use the fixtures of `unmask.testing.fixtures`: name it in a
conftest.py, as `pytest_plugins = ["unmask.testing.fixtures"]`. This is the one package that imports
pytest.
"""

# The imports below are what is offered; asserts in them must be rewritten before they are imported.
# ruff: noqa: E402
import pytest

KINDS = ("behaviors", "defenses", "detectors", "evaluations", "sources", "triggers")
pytest.register_assert_rewrite(*(f"{__name__}.{kind}" for kind in KINDS))

from unmask.testing.behaviors import BehaviorContract
from unmask.testing.defenses import DefenseContract
from unmask.testing.detectors import DetectorContract
from unmask.testing.evaluations import EvaluationContract
from unmask.testing.sources import SourceContract
from unmask.testing.triggers import TriggerContract

__all__ = [
    "BehaviorContract",
    "DefenseContract",
    "DetectorContract",
    "EvaluationContract",
    "SourceContract",
    "TriggerContract",
]
