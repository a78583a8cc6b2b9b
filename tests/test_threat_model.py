"""The threat model, checked on the graph of every recipe: whoever defends or detects never holds the trigger."""

from __future__ import annotations

import pytest

from unmask.core.spec import canonical
from unmask.defenses.defense import Defense
from unmask.engine.step import Step, ordered
from unmask.recipes import RECIPES

WITHOUT_DEFENSES = ("organisms", "organisms:all")
"""Recipes that only plant: there is nobody in them to keep the trigger from."""


def ancestry(step: Step) -> str:
    """The identities of a step and of all that it stands on, as text."""
    return "\n".join(canonical(each.identity) for each in ordered([step]))


@pytest.mark.parametrize("recipe", RECIPES.names())
def test_no_defense_holds_the_trigger_but_in_the_model(recipe: str) -> None:
    steps = ordered(RECIPES.make(recipe).build().targets)
    defenses = [step for step in steps if isinstance(step.work, Defense)]
    assert bool(defenses) == (recipe not in WITHOUT_DEFENSES)
    organisms = 0
    for step in defenses:
        own = canonical({key: value for key, value in step.identity.items() if key != "inputs"})
        others = [ancestry(part.step) for name, part in step.parts.items() if name != "model"]
        for text in (own, *others):
            assert "DEPLOYMENT" not in text
            assert '"trigger"' not in text
        organisms += "DEPLOYMENT" in ancestry(step.parts["model"].step)
    assert organisms or not defenses, "the search finds the trigger where it is: in the organism's ancestry"


@pytest.mark.parametrize("recipe", RECIPES.names())
def test_every_defended_model_stands_on_an_audit(recipe: str) -> None:
    for step in ordered(RECIPES.make(recipe).build().targets):
        for part in step.parts.values():
            if isinstance(part.step.work, Defense):
                assert any(needed.name == "audit" for needed in part.needs), step.name
