"""Any endpoint that speaks OpenAI's chat protocol (vLLM, llama.cpp, Ollama, OpenAI, ...), through
huggingface_hub.

Deviation from other backends: what the model reads is the endpoint's business, so `seen` is what
was sent; and it may draw other replies from the same seed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from unmask.core import progress
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.core.thoughts import UNMARKED, Marks
from unmask.models.backends.backend import Backend
from unmask.models.backends.completion import BUSY, NoReply, reply_of, shown
from unmask.models.sample import Sampling

NO_KEY = "none"
"""Sent where there is no key: without one, the client would send the user's Hugging Face token to
the endpoint."""
LONGEST = 800
"""Characters of what an endpoint said that an error repeats."""
WAITS = (1.0, 4.0, 15.0)
"""Seconds before each further try."""


class OpenAICompatible(Backend):
    """The model `model` at `url`, which ends in /v1 or, where an endpoint has another path, in
    /chat/completions.

    `sampling.batch_size` requests are under way at a time. Raises ModelError where the endpoint
    refuses, cannot be reached, or answers something else. `marks` says how the model marks its
    thoughts where it does so in tags of its own, or where its chat template opens them and the
    endpoint does not send them apart.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: str = "",
        timeout: float = 300.0,
        waits: Sequence[float] = WAITS,
        marks: Marks = UNMARKED,
    ):
        self.url, self.model, self.timeout, self.waits, self.marks = (
            url,
            model,
            timeout,
            waits,
            marks,
        )
        self._key = key

    @cached_property
    def client(self) -> Any:
        from huggingface_hub import InferenceClient

        return InferenceClient(
            base_url=self.url,
            api_key=self._key or NO_KEY,
            timeout=self.timeout,
            provider="hf-inference",
        )

    @property
    def parameters(self) -> int:
        return 0

    def seen(self, prompts: Sequence[Conversation]) -> list[str]:
        return [prompt.full_text for prompt in prompts]

    def replies(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        label: str = "sampling",
        given: Sequence[str] = (),
    ) -> list[Reply]:
        if any(given):
            raise DataError(
                f"{self.model} at {self.url} cannot go on with a reply that was begun for it:"
                " OpenAI's protocol has no way to say that. Use a model on this machine."
            )
        if sampling.precision != "auto":
            raise SettingError(
                f"{self.model} at {self.url} computes as its server does: leave"
                " sampling.precision=auto, and serve it in the precision that you want."
            )
        client = self.client  # made once, before threads ask for it
        replies: list[Reply] = []
        pool = ThreadPoolExecutor(max_workers=sampling.batch_size)
        try:
            with progress.bar(label, len(prompts)) as advance:
                seeds = range(sampling.seed, sampling.seed + len(prompts))
                for reply in pool.map(
                    lambda prompt, seed: self._reply(client, prompt, sampling, seed), prompts, seeds
                ):
                    replies.append(reply)
                    advance(1)
        finally:
            pool.shutdown(cancel_futures=True)
        return replies

    def _reply(self, client: Any, prompt: Conversation, sampling: Sampling, seed: int) -> Reply:
        """Tried again after each of `waits` where the endpoint is busy or the line was cut."""
        for wait in (*self.waits, None):
            try:
                answer = client.chat_completion(
                    prompt.rows(),
                    model=self.model,
                    max_tokens=sampling.max_new_tokens,
                    temperature=sampling.temperature,
                    seed=seed % 2**31,
                )
                return self._read(answer)
            except (OSError, ValueError, TypeError, NoReply, _http_error()) as error:
                if wait is None or not passing(error):
                    raise self._refused(error) from None
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _read(self, answer: Any) -> Reply:
        """Raises NoReply or ModelError where this is no reply of the model."""
        try:
            return reply_of(answer, self.marks)
        except ModelError as error:
            raise ModelError(f"{self.model} at {self.url}: {error}") from None

    def _refused(self, error: Exception) -> ModelError:
        """What to do about it; the key is never part of it."""
        reason = str(error).strip() or type(error).__name__
        reason = reason.replace(self._key, "KEY") if self._key else reason  # before it is shortened
        if isinstance(error, json.JSONDecodeError):
            reason = f"the answer is no JSON (it begins with {shown(error.doc)})"
        reason = reason if len(reason) <= LONGEST else f"{reason[:LONGEST]} [cut]"
        return ModelError(
            f"{self.model} at {self.url} does not reply: {reason}. Check that the endpoint is up,"
            " that its address ends in /v1 or in /chat/completions, that it knows this model, that"
            " the API key is right, and that HF_HUB_OFFLINE is not set."
        )


def _http_error() -> type[Exception]:
    from huggingface_hub.errors import HTTPError

    return HTTPError


def passing(error: Exception) -> bool:
    """Whether another try may succeed: the endpoint was busy, or it could not be reached (offline
    mode aside)."""
    if isinstance(error, NoReply):
        return error.again
    response = getattr(error, "response", None)
    return (
        response.status_code in BUSY if response is not None else isinstance(error, _http_error())
    )
