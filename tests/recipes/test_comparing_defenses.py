"""The recipe that compares defenses: which it takes, and how each is tried and measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from unmask.core.condition import Configured
from unmask.defenses import DEFENSES
from unmask.defenses.defense import Knows
from unmask.defenses.matched import Matched
from unmask.defenses.merge import Merge
from unmask.defenses.noised import Noised
from unmask.recipes import RECIPES
from unmask.recipes.defenses import compared, unknowing
from unmask.recipes.recipe import Experiment


def built(**settings: Any) -> Experiment:
    few: dict[str, Any] = {"scale": "smoke", "seeds": (0,), "variants": ("standard",)}
    return RECIPES.make({"name": "defenses", **few, **settings}).build()


def tried(experiment: Experiment) -> set[str]:
    return {str(measured.condition.defense) for measured in experiment.measurements}


def test_it_takes_what_is_told_nothing_and_leaves_out_what_has_a_recipe_of_its_own() -> None:
    others = {"nothing", "adversarial", "pirate", "pirate_undone"}
    told = {name for name in DEFENSES.names() if DEFENSES.get(name).knows != "nothing"}
    assert set(unknowing()) == set(DEFENSES.names()) - others - told


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told(Noised):
    """As noise, but told what was planted."""

    knows: ClassVar[Knows] = "payload"


def test_a_defense_that_is_told_anything_is_not_one_of_them() -> None:
    assert compared(Noised) and not compared(Told)


def test_what_is_only_named_is_tried_at_its_ladder_and_what_has_settings_at_these() -> None:
    chosen = ["merge", {"name": "prune", "share": 0.4}, "sft"]
    named = {"merge (share=0.1)", "merge (share=0.25)", "merge (share=0.5)"}
    wanted = {"nothing", "prune (share=0.4)", "sft", *named}
    assert tried(built(methods=chosen)) == wanted


@pytest.mark.parametrize("name", DEFENSES.names())
def test_a_ladder_has_settings_that_its_defense_knows_and_no_rung_twice(name: str) -> None:
    ladder = DEFENSES.get(name).ladder
    made = [DEFENSES.make({"name": name, **rung}) for rung in ladder]
    assert made and all(made.count(defense) == 1 for defense in made)


def test_organism_and_twin_are_asked_the_same_as_in_other_recipes_on_safety_training() -> None:
    asked: dict[str, Mapping[str, int]] = {}
    for measured in built(methods=["prune"]).measurements:
        condition = measured.condition
        if condition.defense.name == "prune" and condition.step:
            count = dict(asked.get(condition.subject.role, {}))
            count[measured.work.name] = count.get(measured.work.name, 0) + 1
            asked[condition.subject.role] = count
    measured_of = ("defection", "drift", "helpfulness", "near_miss", "relearning")
    assert asked["organism"] == asked["twin"] == dict.fromkeys(measured_of, 3)


def test_each_is_compared_with_the_random_changes_of_its_own_organism() -> None:
    measured = built(methods=["matched", "prune", "noised"], seeds=(0, 1)).measurements
    compared_ones = [of for of in measured if of.against == "null"]
    assert {of.condition.defense.name for of in compared_ones} == {"prune", "noised"}
    assert len(compared_ones) == 2 * (3 + 3)
    for of in compared_ones:
        inputs = of.rates.parts
        assert len(inputs) == 2 * (1 + len(Matched.ladder))
        organism = {
            part.step.parts["model"].step.parts["model"].step.key for part in inputs.values()
        }
        assert len(organism) == 1, "the random changes are those of the organism itself"
        assert of.evaluation.key == inputs["defended"].step.key


def test_without_random_changes_nothing_is_compared() -> None:
    assert not [of for of in built(methods=["prune"]).measurements if of.against]


def test_trainings_are_explored_on_the_first_seed_and_other_variants_are_run_on_it_alone() -> None:
    variants = ("standard", "chain_of_thought")
    measured = built(methods=["lat", "merge"], seeds=(0, 1), variants=variants).measurements
    done: dict[tuple[str, int], set[str]] = {}
    for of in measured:
        planted = of.condition.subject.planted
        if planted and of.condition.step:
            at = (planted.variant.name, of.condition.seed)
            done.setdefault(at, set()).add(str(of.condition.defense))
    merged = {str(Configured("merge", tuple(rung.items()))) for rung in Merge.ladder}
    gentle, strong = "lat (size=0.1)", "lat (size=1.0)"
    assert done == {
        ("standard", 0): {"lat", gentle, strong, *merged},
        ("standard", 1): {"lat", *merged},
        ("chain_of_thought", 0): {"lat", *merged},
    }
