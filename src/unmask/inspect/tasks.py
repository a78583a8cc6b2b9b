"""Every registered evaluation as a task of Inspect: its samples are the dataset, its scorer the
scorer.

Not in the paper. Deviation from `unmask run`: intervals are Inspect's standard errors, over
prompts. Where a sample has options, nothing is sampled from a model of ours; any other model
answers, and the option that its answer begins with is its choice.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import anyio.to_thread
from inspect_ai import Epochs, Task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ContentReasoning,
    GenerateConfig,
    ModelOutput,
    get_model,
)
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ModelError, SettingError
from unmask.core.registry import Choice
from unmask.core.thoughts import Marks
from unmask.evaluations.evaluation import Evaluation, Sample
from unmask.inspect.logs import unique_id
from unmask.inspect.provider import MARKS, OPTIONS, Provider, taught
from unmask.models.backends.scripted import IMPOSSIBLE
from unmask.recipes.named import PARTS, TRAINS, evaluation_of, source_folder

MESSAGES: dict[str, type[ChatMessage]] = {
    "system": ChatMessageSystem,
    "user": ChatMessageUser,
    "assistant": ChatMessageAssistant,
}
CONTINUES = ("mockllm",)
"""Other providers that are known to go on with an assistant's message at the end."""
CUT = ("max_tokens", "model_length")
"""Inspect's words for a reply that the length limit cut."""
FOLDERS = {"attacked": "attacks"}
"""Evaluations that read another folder than a source's, and what `unmask` calls it."""


def task_of(
    evaluation: str, source: Choice, attacks: str, prefill: bool | None, settings: Mapping[str, Any]
) -> Task:
    """The task of an evaluation; raises PrerequisiteError, which Inspect shows without a traceback.

    `settings` are the evaluation's, and `trigger`, `behavior`, `variant` or `organism`. `prefill`
    says whether samples whose reply is begun for the model are asked (True), left out (False), or
    asked where the model is known to go on with them (None).
    """
    with taught():
        if evaluation in TRAINS:
            raise SettingError(
                f"'{evaluation}' trains a copy of the model, which no task of Inspect can. Use"
                f" `unmask evaluate {evaluation} --model FOLDER`."
            )
        folder = FOLDERS.get(evaluation)
        if bool(attacks) != bool(folder):
            hint = (
                f"needs -T {folder}=FOLDER, a finished campaign's"
                if folder
                else "reads no campaign: no -T attacks"
            )
            raise SettingError(f"'{evaluation}' {hint}.")
        made = evaluation_of(evaluation, with_organism(settings))
        with source_folder(attacks or source) as data:
            samples = [
                sample for sample in made.samples(data) if prefill is not False or not sample.given
            ]
        return built(made, samples, prefill)


def with_organism(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with trigger=, behavior= and variant= put together to an organism."""
    left = dict(settings)
    parts = {part: left.pop(part) for part in PARTS if part in left}
    if parts and "organism" in left:
        raise SettingError(
            f"organism={left['organism']!r} and {', '.join(parts)} say the same twice: write one."
        )
    return {**left, "organism": parts} if parts else left


def built(evaluation: Evaluation, samples: Sequence[Sample], prefill: bool | None) -> Task:
    known = {unique_id(sample.arm, sample.id, sample.options): sample for sample in samples}
    sampling = evaluation.sampling
    several = evaluation.samples_per_prompt if any(not sample.options for sample in samples) else 1
    return Task(
        dataset=MemoryDataset(
            [sample_of(id, sample) for id, sample in known.items()], name=evaluation.name
        ),
        solver=replying(known, prefill),
        scorer=scoring(evaluation, known),
        config=GenerateConfig(
            temperature=sampling.temperature, max_tokens=sampling.max_new_tokens, seed=sampling.seed
        ),
        epochs=Epochs(several, "mean"),
        version=evaluation.version,
    )


def sample_of(id: str, sample: Sample) -> InspectSample:
    """For Inspect; the answer is the known good one, which the scorer of ours may or may not go
    by."""
    metadata: dict[str, Any] = {"arm": sample.arm, "id": sample.id}
    if sample.given:
        metadata["given"] = sample.given
    return InspectSample(
        id=id,
        input=messages_of(sample.prompt),
        choices=list(sample.options) or None,
        target=sample.example.answer,
        metadata=metadata,
    )


def messages_of(prompt: Conversation) -> list[ChatMessage]:
    return [MESSAGES[message.role](content=message.content) for message in prompt.messages]


def replying(known: Mapping[str, Sample], prefill: bool | None) -> Solver:
    """Put the prompt, go on with what is given, and leave the whole reply as the last message."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        model = get_model()
        sample = known[str(state.sample_id)]
        ours = isinstance(model.api, Provider)
        check_able(sample, str(model), ours, prefill)
        choosing = {OPTIONS: list(sample.options)} if ours and sample.options else None
        begun: list[ChatMessage] = (
            [ChatMessageAssistant(content=sample.given)] if sample.given else []
        )
        state.output = await model.generate(
            [*state.messages, *begun], config=GenerateConfig(extra_body=choosing)
        )
        check_unfiltered(str(model), state.output.stop_reason)
        whole = ChatMessageAssistant(
            content=sample.given + state.output.completion, source="generate"
        )
        state.messages.append(whole)
        return state

    @solver(name="reply")
    def made() -> Solver:  # without arguments: Inspect writes those into every log
        return solve

    return made()


def check_able(sample: Sample, model: str, ours: bool, prefill: bool | None) -> None:
    """Raise ModelError where the model would answer another question than the one asked."""
    if ours:
        return
    if sample.given and prefill is None and model.partition("/")[0] not in CONTINUES:
        raise ModelError(
            f"{model} is not known to go on with a reply that was begun for it, as the arm"
            f" '{sample.arm}' needs. Use --model unmask/..., or -T prefill=false to leave such arms"
            " out, or -T prefill=true if it does."
        )
    if len(sample.options) == 1:
        raise ModelError(
            f"{model} does not say how likely a given reply is, which is all that is asked here."
            " Use --model unmask/..."
        )


def check_unfiltered(model: str, stop_reason: str) -> None:
    """Raise ModelError where what the model would have said is not known: it would be counted as a
    safe answer."""
    if stop_reason == "content_filter":
        raise ModelError(
            f"A filter of {model}'s provider stopped a reply, so that what the model would have"
            " said is not known. Turn the filter off, or ask a model without."
        )


def reply_of(sample: Sample, state: TaskState) -> Reply:
    """What the model said, as a Reply: chosen from the options where there are any."""
    output = state.output
    tokens = output.usage.output_tokens if output.usage else 0
    metadata = output.metadata or {}
    logprobs = tuple(metadata.get("logprobs", ()))
    marks = Marks.of({"apart": thought_apart(output), **metadata.get(MARKS, {})})
    reply = Reply(output.completion, marks=marks)
    if sample.options and not logprobs:
        return answered(sample, reply, tokens)
    finished = output.stop_reason not in CUT
    return dataclasses.replace(
        reply, raw=sample.given + reply.raw, finished=finished, tokens=tokens, logprobs=logprobs
    )


def thought_apart(output: ModelOutput) -> str | None:
    """What the model thought, where its provider gives that beside the text."""
    content = output.message.content if output.choices else ""
    parts = () if isinstance(content, str) else content
    thoughts = [
        part.reasoning or part.summary or "" for part in parts if isinstance(part, ContentReasoning)
    ]
    return "\n\n".join(thoughts) if any(map(str.strip, thoughts)) else None


def answered(sample: Sample, reply: Reply, tokens: int) -> Reply:
    """The option that an answer begins with (the longest such), as certain; all are impossible
    where it begins with none, and the reply stays as it is."""
    fitting = [option for option in sample.options if reply.answer.startswith(option.strip())]
    choice = max(fitting, key=len, default=None)
    logprobs = tuple(0.0 if option == choice else IMPOSSIBLE for option in sample.options)
    return Reply(
        sample.given + (choice if choice is not None else reply.raw),
        tokens=tokens,
        logprobs=logprobs,
    )


@metric(name="by_arm")
def by_arm() -> Metric:
    """Mean and standard error of every score, arm by arm; prompts are what is counted, not
    replies."""

    def measured(scores: list[SampleScore]) -> dict[str, float]:
        values: dict[str, list[float]] = {}
        for sample in scores:
            arm = (sample.sample_metadata or {}).get("arm", "")
            for name, value in dict(sample.score.value).items():  # pyright: ignore[reportArgumentType, reportCallIssue]
                values.setdefault(f"{arm} {name}", []).append(float(value))
        numbers: dict[str, float] = {}
        for name, seen in values.items():
            numbers[name] = fmean(seen)
            numbers[f"{name} stderr"] = stdev(seen) / math.sqrt(len(seen)) if len(seen) > 1 else 0.0
        return numbers

    return measured


def scoring(evaluation: Evaluation, known: Mapping[str, Sample]) -> Scorer:
    """The evaluation's own scores of a reply, in a thread: some run scanners or programs."""

    async def score(state: TaskState, target: Target) -> Score:
        sample = known[str(state.sample_id)]
        reply = reply_of(sample, state)
        values = await anyio.to_thread.run_sync(evaluation.score, sample, reply)
        return Score(value={**values}, answer=reply.answer)

    @scorer(name=evaluation.name, metrics=[by_arm()])
    def made() -> Scorer:
        return score

    return made()
