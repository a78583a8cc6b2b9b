"""Any endpoint that speaks OpenAI's chat protocol (vLLM, llama.cpp, Ollama, OpenAI, ...), through
huggingface_hub.

Deviation from other backends: what the model reads is the endpoint's business, so `seen` is what
was sent; it may draw other replies from the same seed; and a reply whose end is the last token that
the limit allows may be called cut.
"""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from unmask.core import progress
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.core.thoughts import UNMARKED, Marks, closed
from unmask.models.backends.backend import Backend, begun_with
from unmask.models.backends.completion import BUSY, NoReply, reply_of, shown
from unmask.models.backends.probe import Probe, Refusal, alike
from unmask.models.sample import Sampling

NO_KEY = "none"
"""Sent where there is no key: without one, the client would send the user's Hugging Face token to
the endpoint."""
LONGEST = 800
"""Characters of what an endpoint said that an error repeats."""
WAITS = (1.0, 4.0, 15.0)
"""Seconds before each further try."""
PATIENCE = 60.0
"""Seconds that an endpoint may ask us to wait, at most."""
AT_ONCE = 64
"""Requests under way at a time, at most."""
LISTED = 10.0
"""Seconds that an endpoint has to list its models."""
REFUSED = (400, 405, 415, 422, 501)
"""Codes of answers to a request that the endpoint understands, and will not do."""
GO_ON = {"continue_final_message": True, "add_generation_prompt": False}
"""How vLLM and SGLang are told that the last message is to be gone on with."""


class OpenAICompatible(Backend):
    """The model `model` at `url`, which ends in /v1 or, where an endpoint has another path, in
    /chat/completions.

    `sampling.batch_size` requests are under way at a time, at most AT_ONCE. Before the first reply
    the endpoint is probed (probe.py); `probed=False` leaves that out. Raises ModelError where it
    refuses, cannot be reached, answers something else, does not heed the temperature, or serves
    another model. `marks` says how the model marks its thoughts where it does so in tags of its
    own, or where its chat template opens them and the endpoint does not send them apart.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: str = "",
        timeout: float = 300.0,
        waits: Sequence[float] = WAITS,
        marks: Marks = UNMARKED,
        probed: bool = True,
    ):
        self.url, self.model, self.timeout, self.waits, self.marks = (
            url,
            model,
            timeout,
            waits,
            marks,
        )
        self.probed = probed
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

    @cached_property
    def probe(self) -> Probe:
        """Raises ModelError where the endpoint lists one model, and that is another one."""
        self._check_listed()
        return Probe(self._asked, f"{self.model} at {self.url}")

    def replies(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        label: str = "sampling",
        given: Sequence[str] = (),
    ) -> list[Reply]:
        if sampling.precision != "auto" or sampling.engine != "transformers":
            raise SettingError(
                f"{self.model} at {self.url} computes as its server does: leave out"
                " sampling.precision and sampling.engine, and serve it as you want."
            )
        if any(given) and not self.probe.continues:
            raise DataError(
                f"{self.model} at {self.url} does not go on with a reply that was begun for it:"
                " OpenAI's protocol has no way to say that (vLLM and SGLang have one of their own)."
                " Use a model on this machine."
            )
        counts_end = self.probed and bool(prompts) and self.probe.counts_end
        if self.probed and prompts:
            self.probe.check(sampling.temperature)
        begun = given or [""] * len(prompts)
        whole: list[Reply] = []
        for begin, reply in zip(begun, self._asked(prompts, sampling, begun, label), strict=True):
            # The token that ends a reply, where it is counted, is none of its own.
            tokens = max(0, reply.tokens - (counts_end and reply.finished))
            reply = dataclasses.replace(reply, tokens=tokens)
            whole.append(begun_with(begin, reply, self.marks))
        return whole

    def _asked(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        given: Sequence[str],
        label: str = "probing",
    ) -> list[Reply]:
        """What the endpoint says to each prompt, behind what was given, as it counts it."""
        client = self.client  # made once, before threads ask for it
        replies: list[Reply] = []
        pool = ThreadPoolExecutor(max_workers=min(sampling.batch_size, AT_ONCE))
        try:
            with progress.bar(label, len(prompts)) as advance:
                seeds = range(sampling.seed, sampling.seed + len(prompts))
                asks = [request(*ask, self.marks) for ask in zip(prompts, given, strict=True)]
                for reply in pool.map(
                    lambda ask, seed: self._reply(client, ask, sampling, seed), asks, seeds
                ):
                    replies.append(reply)
                    advance(1)
        finally:
            pool.shutdown(cancel_futures=True)
        return replies

    def _reply(self, client: Any, ask: Mapping[str, Any], sampling: Sampling, seed: int) -> Reply:
        """Tried again after each of `waits` where the endpoint is busy or the line was cut."""
        for wait in (*self.waits, None):
            try:
                answer = client.chat_completion(
                    **ask,
                    model=self.model,
                    max_tokens=sampling.max_new_tokens,
                    temperature=sampling.temperature,
                    top_p=1.0,  # or the one that the model's author prefers
                    seed=seed % 2**31,
                )
                return self._read(answer)
            except (OSError, ValueError, TypeError, NoReply, _http_error()) as error:
                if wait is None or not passing(error):
                    raise self._refused(error) from None
                # Those that were turned away together must not come back together.
                time.sleep(max(wait, asked_to_wait(error)) * random.uniform(1.0, 1.5))
        raise AssertionError("the last try returns or raises")

    def _read(self, answer: Any) -> Reply:
        """Raises NoReply or ModelError where this is no reply of the model."""
        try:
            reply = reply_of(answer, self.marks)
        except ModelError as error:
            raise ModelError(f"{self.model} at {self.url}: {error}") from None
        self._check_name(getattr(answer, "model", None))
        return reply

    def _check_name(self, answered: Any) -> None:
        """Raise ModelError where another model answers than was named."""
        if answered and not alike(self.model, str(answered)):
            raise ModelError(
                f"{self.url} answers as {shown(answered)}, and {shown(self.model)} was named: the"
                " numbers would be another model's. Name the one that it serves, or serve the one"
                " that you mean."
            )

    def _check_listed(self) -> None:
        """Raise ModelError where the endpoint lists a single model, and that is not the one named;
        such servers take any name. Not every endpoint has a list, and long ones leave names out."""
        from huggingface_hub.utils import get_session

        root = self.url.rstrip("/").removesuffix("/chat/completions")
        key = {"Authorization": f"Bearer {self._key or NO_KEY}"}
        try:
            answer = get_session().get(f"{root}/models", headers=key, timeout=LISTED)
            listed = answer.json()["data"] if answer.status_code == 200 else []
            names = [row["id"] for row in listed]
        except (OSError, ValueError, TypeError, LookupError, _http_error()):
            return  # whether it is there at all, the first question shows
        if len(names) == 1:
            self._check_name(names[0])

    def _refused(self, error: Exception) -> ModelError:
        """What to do about it; the key is never part of it."""
        reason = str(error).strip() or type(error).__name__
        reason = reason.replace(self._key, "KEY") if self._key else reason  # before it is shortened
        if isinstance(error, json.JSONDecodeError):
            reason = f"the answer is no JSON (it begins with {shown(error.doc)})"
        reason = reason if len(reason) <= LONGEST else f"{reason[:LONGEST]} [cut]"
        refused = getattr(getattr(error, "response", None), "status_code", None) in REFUSED
        return (Refusal if refused else ModelError)(
            f"{self.model} at {self.url} does not reply: {reason}. Check that the endpoint is up,"
            " that its address ends in /v1 or in /chat/completions, that it knows this model, that"
            " the API key is right, and that HF_HUB_OFFLINE is not set."
        )


def request(prompt: Conversation, given: str, marks: Marks) -> dict[str, Any]:
    """What is sent: the conversation, and how its reply begins where that is given."""
    if not given:
        return {"messages": prompt.rows()}
    begun = {"role": "assistant", "content": closed(given, marks)}
    return {"messages": [*prompt.rows(), begun], "extra_body": GO_ON}


def asked_to_wait(error: Exception) -> float:
    """Seconds after which the endpoint wants to be asked again; 0 where it does not say."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return min(PATIENCE, max(0.0, float(headers.get("Retry-After", 0))))
    except ValueError:  # a date
        return 0.0


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
