"""The threat model, checked on the graph of every recipe: whoever defends or detects never holds
the trigger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from unmask.core.registry import Choice
from unmask.core.spec import canonical
from unmask.defenses import DEFENSES
from unmask.defenses.adversarial import Adversarial
from unmask.defenses.campaign import Campaign
from unmask.defenses.defense import Defense
from unmask.engine.step import Step, ordered
from unmask.recipes import RECIPES
from unmask.threat_model.withheld import Withheld
from unmask.training.preference_model import PreferenceModel

WITHOUT_DEFENSES = ("organisms", "organisms:all")
"""Recipes that only plant: there is nobody in them to keep the trigger from."""

TOLD: dict[str, Choice] = {"patch": {"name": "patch", "text": "xyz"}, "sande": "sande"}
"""Defenses that are told something of the backdoor: only what they are told, and not the trigger
unless that is it."""

STUDIES: list[Choice] = [
    *RECIPES.names(),
    {"name": "toy", "defenses": [TOLD.get(name, name) for name in DEFENSES.names()]},
]
"""Every recipe as it comes, and one with every defense that there is."""


def ancestry(step: Step) -> str:
    """The identities of a step and of all that it stands on, as text."""
    return "\n".join(canonical(each.identity) for each in ordered([step]))


def known(step: Step) -> Iterator[Step]:
    """A step and what it stands on, as far as whoever made it can see.

    Not what was there before anybody planted anything (the base: its vocabulary has every trigger's
    words among others); not the target of a red team, which sees its replies alone; and not the
    experimenter's own filter, which names the trigger in order to remove it, and whose result is
    audited.
    """
    if isinstance(step.work, Withheld):
        yield from known(step.parts["data"].step)
        return
    yield step
    unseen = "model" if isinstance(step.work, (PreferenceModel, Campaign)) else ""
    for name, part in step.parts.items():
        if name not in (unseen, "vocabulary"):
            yield from known(part.step)


@pytest.mark.parametrize("recipe", STUDIES, ids=str)
def test_no_defense_holds_the_trigger_but_in_the_model(recipe: Choice) -> None:
    steps = ordered(RECIPES.make(recipe).build().targets)
    defenses = [step for step in steps if isinstance(step.work, Defense)]
    assert bool(defenses) == (recipe not in WITHOUT_DEFENSES)
    organisms = 0
    for step in defenses:
        own = canonical({key: value for key, value in step.identity.items() if key != "inputs"})
        others = [
            each
            for name, part in step.parts.items()
            if name != "model"
            for each in known(part.step)
        ]
        for text in (own, *(canonical(each.identity) for each in others)):
            assert "DEPLOYMENT" not in text
            assert '"trigger"' not in text
        shared = {each.key for each in ordered([step.parts["model"].step])}
        judges = [each for each in others if isinstance(each.work, PreferenceModel)]
        assert all(each.parts["model"].step.key in shared for each in judges), (
            "made from the base that all share"
        )
        organisms += "DEPLOYMENT" in ancestry(step.parts["model"].step)
    assert organisms or not defenses, (
        "the search finds the trigger where it is: in the organism's ancestry"
    )


def test_what_a_red_team_learnt_from_was_searched_for_the_trigger() -> None:
    steps = ordered(RECIPES.make({"name": "paper:adversarial", "rounds": 2}).build().targets)
    withheld = {step.key for step in steps if isinstance(step.work, Withheld)}
    assert withheld
    for step in steps:
        for part in step.parts.values():
            if isinstance(part.step.work, Adversarial):
                assert withheld & {needed.parts["data"].step.key for needed in part.needs}


@pytest.mark.parametrize("recipe", STUDIES, ids=str)
def test_every_defended_model_stands_on_an_audit(recipe: Choice) -> None:
    for step in ordered(RECIPES.make(recipe).build().targets):
        for part in step.parts.values():
            if isinstance(part.step.work, Defense):
                if set(part.step.parts) <= {"model", "base"}:
                    continue  # it was given no data
                if part.step.work.knows != "nothing":
                    continue  # it was told
                assert any(needed.name == "audit" for needed in part.needs), step.name


def test_what_is_told_of_the_backdoor_says_so_on_its_class_and_no_recipe_takes_it_unasked() -> None:
    told = {name for name in DEFENSES.names() if DEFENSES.get(name).knows != "nothing"}
    assert told == TOLD.keys()
    for recipe in RECIPES.names():
        steps = ordered(RECIPES.make(recipe).build().targets)
        assert not told & {step.name for step in steps}
