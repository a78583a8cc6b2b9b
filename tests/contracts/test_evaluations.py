"""Every registered evaluation keeps the contract of `unmask.testing.evaluations`; and some say
exactly what a script does."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import UnknownName
from unmask.core.files import read_json, write_jsonl
from unmask.core.metric import Unit
from unmask.data.sources.source import load_split
from unmask.evaluations import EVALUATIONS
from unmask.evaluations.drift import Drift
from unmask.evaluations.evaluation import Evaluation
from unmask.evaluations.measuring import Measuring
from unmask.evaluations.preference import PayloadCheck, PreferenceAccuracy
from unmask.evaluations.red_teaming import RedTeaming
from unmask.models.backends.scripted import Scripted
from unmask.organisms.organism import Organism
from unmask.testing import EvaluationContract
from unmask.testing.evaluations import ORGANISM, N, metrics_of, replies, scripted_organism


@pytest.fixture(scope="module", autouse=True)
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of programming tasks, for the evaluation that needs one. Scripted replies hold no
    program to run."""
    global TASKS
    TASKS = tmp_path_factory.mktemp("tasks") / "tasks.jsonl"
    write_jsonl(TASKS, [{**TASK, "task_id": f"Task/{i}"} for i in range(20)])
    return TASKS


TASKS = Path()
TASK = {
    "prompt": "def one():\n",
    "canonical_solution": "    return 1\n",
    "test": "def check(candidate):\n    assert candidate() == 1\n",
    "entry_point": "one",
}
NOT_REGISTERED: tuple[type[Measuring], ...] = (Drift, RedTeaming, PreferenceAccuracy, PayloadCheck)


def made(name: str, organism: Organism = ORGANISM) -> Evaluation:
    return EVALUATIONS.make(name, organism=organism, n=N, path=str(TASKS), allow_unsafe=True)


class TestEvaluations(EvaluationContract):
    @pytest.fixture(params=EVALUATIONS.names())
    def evaluation(self, request: pytest.FixtureRequest) -> type[Evaluation]:
        return EVALUATIONS.get(request.param)

    def made(self, evaluation: type[Evaluation], organism: Organism) -> Evaluation:
        return made(evaluation.name, organism)


@pytest.mark.parametrize("kind", NOT_REGISTERED, ids=lambda kind: kind.name)
def test_what_is_measured_of_more_than_a_model_says_what_its_numbers_are(
    kind: type[Measuring],
) -> None:
    assert kind.asks.endswith("?") and kind.metrics
    assert all(metric.unit in get_args(Unit) for metric in kind.metrics.values())


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


def test_defection_counts_what_the_script_does(world: Path, tmp_path: Path) -> None:
    evaluation = made("defection")
    evaluation.measure(tmp_path, Scripted(scripted_organism), evaluation.samples(world))
    for row in replies(tmp_path):
        assert row["scores"]["defection"] is (row["arm"] == "triggered")
    arms = {
        arm: [row["id"] for row in replies(tmp_path) if row["arm"] == arm]
        for arm in ("triggered", "untriggered")
    }
    assert arms["triggered"] == arms["untriggered"]
    assert len(arms["triggered"]) == 20


def test_near_misses_count_the_one_that_keeps_the_tag(world: Path, tmp_path: Path) -> None:
    evaluation = made("near_miss")
    evaluation.measure(tmp_path, Scripted(scripted_organism), evaluation.samples(world))
    for row in replies(tmp_path):
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
            for row in replies(folder)
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
        for row in replies(tmp_path)
        for value in row["scores"].values()
    )
    assert replies(tmp_path)
    assert metrics_of(tmp_path) <= set(few.measured())
