"""The threat model, checked on the graph of every recipe: whoever defends or detects never holds the trigger."""

from __future__ import annotations

import pytest

from unmask.core.spec import canonical
from unmask.defenses.defense import Defense
from unmask.engine.step import Step, ordered
from unmask.recipes import RECIPES
from unmask.training.preference_model import PreferenceModel

WITHOUT_DEFENSES = ("organisms", "organisms:all")
"""Recipes that only plant: there is nobody in them to keep the trigger from."""


def ancestry(step: Step, but: frozenset[str] = frozenset()) -> str:
    """The identities of a step and of all that it stands on, as text, without those whose keys are in `but`."""
    return "\n".join(canonical(each.identity) for each in ordered([step]) if each.key not in but)


def public(step: Step) -> frozenset[str]:
    """The base that a preference model was made from, and all before it: there before anybody planted anything.

    A tokenizer's vocabulary has every trigger's words among others.
    """
    judges = [each for each in ordered([step]) if isinstance(each.work, PreferenceModel)]
    return frozenset(each.key for judge in judges for each in ordered([judge.parts["model"].step]))


@pytest.mark.parametrize("recipe", RECIPES.names())
def test_no_defense_holds_the_trigger_but_in_the_model(recipe: str) -> None:
    steps = ordered(RECIPES.make(recipe).build().targets)
    defenses = [step for step in steps if isinstance(step.work, Defense)]
    assert bool(defenses) == (recipe not in WITHOUT_DEFENSES)
    organisms = 0
    for step in defenses:
        own = canonical({key: value for key, value in step.identity.items() if key != "inputs"})
        others = [ancestry(part.step, public(part.step)) for name, part in step.parts.items() if name != "model"]
        for text in (own, *others):
            assert "DEPLOYMENT" not in text
            assert '"trigger"' not in text
        assert public(step) <= {each.key for each in ordered([step.parts["model"].step])}, "the base that all share"
        organisms += "DEPLOYMENT" in ancestry(step.parts["model"].step)
    assert organisms or not defenses, "the search finds the trigger where it is: in the organism's ancestry"


@pytest.mark.parametrize("recipe", RECIPES.names())
def test_every_defended_model_stands_on_an_audit(recipe: str) -> None:
    for step in ordered(RECIPES.make(recipe).build().targets):
        for part in step.parts.values():
            if isinstance(part.step.work, Defense):
                assert any(needed.name == "audit" for needed in part.needs), step.name
