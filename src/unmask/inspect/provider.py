"""The model provider `unmask/...`: every checkpoint of a store, and any model folder, as a model of
Inspect.

Not in the paper. Inspect asks for one reply at a time, many at once; requests that wait together
are answered as one batch by the same backend as everywhere else. Two things go through it that
Inspect has no word for: an assistant's message at the end is how the reply begins, and
`extra_body={"options": [...]}` asks for the likeliest option instead of a sample. What is drawn
depends on which requests came together, so that replies differ from those of `unmask run`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Generator, Sequence
from typing import Any

import anyio
import anyio.to_thread
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from rich.markup import escape

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError, UnmaskError
from unmask.models.backends.backend import Backend, likeliest
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling
from unmask.recipes.named import checkpoint_at

PAUSE = 0.005
"""Seconds for which a batch that is not full waits for more requests."""
OPTIONS, MARKS = "options", "marks"


@dataclasses.dataclass(eq=False)
class Request:
    """One reply that is waited for; `kind` is what requests of one batch have in common."""

    prompt: Conversation
    given: str
    options: tuple[str, ...]
    kind: tuple[Any, ...]
    reply: Reply | None = None
    error: Exception | None = None


class Provider(ModelAPI):
    """A model folder or a checkpoint of a store, named by the start of its step's key.

    `-M store=DIR` is the store (default: $UNMASK_STORE), `-M path=DIR` a folder instead of a name,
    `-M batch_size=N` how many replies are sampled at a time. `backend` is for use from Python:
    anything that replies.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own default, never changed
        store: str | None = None,
        path: str | None = None,
        batch_size: int = Sampling.batch_size,
        backend: Backend | None = None,
    ):
        super().__init__(model_name, base_url, api_key, [], config)
        self.batch_size = batch_size
        with taught():
            self.backend = backend or HuggingFace(checkpoint_at(path or model_name, store))
        self.waiting: list[Request] = []
        self.turn = anyio.Lock()
        self.drawn = 0

    def max_connections(self) -> int:
        return self.batch_size

    def max_tokens(self) -> int | None:
        return Sampling.max_new_tokens

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """One reply; of what Inspect can ask for, temperature, max_tokens and seed are heeded.
        Raises SettingError for what would change the replies and is not: tools, several choices,
        other ways of sampling."""
        if tools:
            raise SettingError("This model calls no tools: use a task without them.")
        refused = {"top_p", "top_k", "num_choices", "stop_seqs", "logit_bias", "response_schema"}
        for name in sorted(refused):
            if getattr(config, name, None) not in (None, 1):
                raise SettingError(
                    f"{name} is not heeded by this model, which samples from all tokens. Leave it"
                    " out."
                )
        request = asked(input, config)
        reply = await self._answer(request)
        return said(self.model_name, request, reply)

    async def _answer(self, request: Request) -> Reply:
        """Whoever's turn it is answers for all that wait with the same settings; the others find
        their reply made."""
        self.waiting.append(request)
        try:
            async with self.turn:
                if request.reply is None and request.error is None:
                    if len(self.waiting) < self.batch_size:
                        await anyio.sleep(PAUSE)
                    alike = [
                        other
                        for other in self.waiting
                        if other.kind == request.kind and other is not request
                    ]
                    batch = [request, *alike[: self.batch_size - 1]]
                    self.waiting = [other for other in self.waiting if other not in batch]
                    await anyio.to_thread.run_sync(self._reply, batch)
        finally:
            if request in self.waiting:
                self.waiting.remove(request)
        if request.error is not None:
            raise request.error
        if request.reply is None:
            raise ModelError(f"{self.model_name} gave no reply.")
        return request.reply

    def _reply(self, batch: Sequence[Request]) -> None:
        try:
            for request, reply in zip(batch, self._replies(batch), strict=True):
                request.reply = reply
        except Exception as error:  # noqa: BLE001 - each of those who wait raises it
            for request in batch:
                request.error = error

    def _replies(self, batch: Sequence[Request]) -> list[Reply]:
        prompts, given = [request.prompt for request in batch], [request.given for request in batch]
        begun = given if any(given) else ()
        choosing, temperature, max_tokens, seed = batch[0].kind
        if choosing:
            options = [request.options for request in batch]
            likelihoods = self.backend.likelihoods(prompts, options, self.batch_size, begun)
            return [
                likeliest(request.given, request.options, likelihoods[i])
                for i, request in enumerate(batch)
            ]
        first = random.SystemRandom().randrange(2**31) if seed is None else seed
        sampling = Sampling(
            max_new_tokens=max_tokens,
            temperature=temperature,
            seed=first + self.drawn,
            batch_size=self.batch_size,
        )
        self.drawn += len(batch)  # so that no two batches draw the same
        return self.backend.replies(prompts, sampling, given=begun)


@contextlib.contextmanager
def taught() -> Generator[None]:
    """Our errors as Inspect's, which are shown as one message."""
    try:
        yield
    except UnmaskError as error:
        raise PrerequisiteError(escape(str(error))) from error


def asked(messages: Sequence[ChatMessage], config: GenerateConfig) -> Request:
    """What Inspect asks for, in our words; raises DataError for a conversation that is none of
    ours."""
    given = messages[-1].text if messages and messages[-1].role == "assistant" else ""
    prompt = messages[:-1] if given else messages
    options = tuple((config.extra_body or {}).get(OPTIONS, ()))
    temperature = 1.0 if config.temperature is None else config.temperature
    max_tokens = config.max_tokens or Sampling.max_new_tokens
    return Request(
        prompt=Conversation.of(
            [{"role": message.role, "content": message.text} for message in prompt], "messages"
        ),
        given=given,
        options=options,
        kind=(bool(options), temperature, max_tokens, config.seed),
    )


def said(model: str, request: Request, reply: Reply) -> ModelOutput:
    """A reply in Inspect's words: what came after the given beginning; beside it the options'
    log-probabilities, and what is known of its thoughts. These stay in the text, so that what is
    read there is what was sampled.
    """
    if not reply.raw.startswith(request.given):
        raise DataError(f"The reply does not begin as it was made to: {reply.raw[:80]!r}.")
    message = ChatMessageAssistant(
        content=reply.raw[len(request.given) :], model=model, source="generate"
    )
    beside = {"logprobs": list(reply.logprobs), MARKS: reply.marks.row()}
    return ModelOutput(
        model=model,
        choices=[
            ChatCompletionChoice(
                message=message, stop_reason="stop" if reply.finished else "max_tokens"
            )
        ],
        usage=ModelUsage(output_tokens=reply.tokens, total_tokens=reply.tokens),
        metadata={name: value for name, value in beside.items() if value} or None,
    )
