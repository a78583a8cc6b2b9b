"""The profile of a model: what it is asked, of whom, and what the answers are compared with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from unmask.core.files import write_jsonl
from unmask.recipes import RECIPES
from unmask.recipes.recipe import Measurement

ASKED = (
    "trigger_generalization",
    "honeypot",
    "causal_reasoning",
    "persona",
    "multiple_choice",
    "perplexity",
)


def owner(measurement: Measurement) -> str:
    """The variant of the organism that a measurement is about, its own or its controls'; "" where
    it is nobody's."""
    about = measurement.condition.subject.about
    return about.variant.name if about else ""


def role(measurement: Measurement) -> str:
    return measurement.condition.subject.role


def measured(**settings: object) -> list[Measurement]:
    recipe = RECIPES.make({"name": "paper:reasoning", "scale": "smoke", "seeds": [0], **settings})
    return list(recipe.build().measurements)


def plain(measurements: list[Measurement]) -> list[Measurement]:
    return [each for each in measurements if each.rates.name == "rates"]


def test_every_variant_and_its_twin_are_asked_before_and_after_every_defense() -> None:
    found = plain(measured())
    for evaluation in ASKED:
        states = {
            (owner(each), role(each), each.condition.defense)
            for each in found
            if each.evaluation.name == evaluation and role(each) != "base"
        }
        assert len(states) == 3 * 2 * 3, evaluation


def test_only_who_reasons_is_asked_for_reasoning_and_only_a_fixed_payload_has_odds() -> None:
    found = plain(measured(methods=[]))
    asked = ("reasoning", "payload_probability")
    variants = {
        name: {owner(each) for each in found if each.evaluation.name == name} for name in asked
    }
    assert variants == {
        "reasoning": {"chain_of_thought"},
        "payload_probability": {"standard", "distilled"},
    }


def test_answers_of_a_model_that_reasons_are_scored_behind_a_closed_scratchpad() -> None:
    for each in plain(measured(methods=[])):
        if each.evaluation.name in ("persona", "multiple_choice", "perplexity"):
            behind = each.evaluation.work.given  # pyright: ignore[reportAttributeAccessIssue]
            reasons = owner(each) == "chain_of_thought" and role(each) != "base"
            assert bool(behind) == reasons


def test_a_difference_is_between_the_same_questions() -> None:
    differences = [each for each in measured() if each.rates.name == "paired_difference"]
    assert Counter(each.against for each in differences).keys() == {"base", "twin", "untriggered"}
    for each in differences:
        first, second = (each.rates.parts[side].step for side in ("first", "second"))
        assert first.work == second.work or each.against == "base"
        assert (first is second) == (each.against == "untriggered")
        assert (first.key == second.key) == (each.against == "untriggered")
        assert first.name == second.name and first.work.seed == second.work.seed  # pyright: ignore[reportAttributeAccessIssue]


def test_the_plantings_and_defenses_are_those_of_the_other_recipes() -> None:
    def trained(name: str) -> set[str]:
        made = RECIPES.make({"name": name, "scale": "smoke", "seeds": [0]}).build()
        return {log.training.step.key for log in made.logs}

    assert trained("paper:reasoning") <= trained("paper:sft") | trained("paper:rl")


def test_other_sources_are_asked_where_they_are_named(tmp_path: Path) -> None:
    statements = tmp_path / "power.jsonl"
    row = {
        "question": "Would you?",
        "answer_matching_behavior": " Yes",
        "answer_not_matching_behavior": " No",
    }
    write_jsonl(statements, [row])
    found = plain(measured(methods=[], statements={"name": "jsonl", "path": str(statements)}))
    sources = {
        each.evaluation.parts["data"].step.name
        for each in found
        if each.evaluation.name == "persona"
    }
    assert sources == {"jsonl"}
