"""What an endpoint's answer says: the reply, the thought beside it, and whether the length limit
cut it.

Servers differ in their words. vLLM, SGLang, llama.cpp, Ollama and OpenAI end with "stop"; TGI with
"eos_token"; others pass on what a vendor says ("end_turn", "STOP", nothing at all). A thought is in
a field, in a part of the content, or in tags in the text.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from unmask.core.conversation import Reply
from unmask.core.errors import ModelError
from unmask.core.thoughts import Marks

CUT = re.compile(r"length|max\w*tokens|\Alimit|tokenlimit|contextwindow|incomplete|truncated")
FILTERED = re.compile(
    r"filter|safety|recitation|blocked|blocklist|prohibited|spii|refusal|guardrail|sensitive|moderation|toxic|censor"
)
FAILED = re.compile(r"error|abort|cancel|insufficient|malformed|fail|timeout|overload")
"""Parts of the words for why a reply ended, letters only and in lower case; every other word is the
model's own end."""
THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Fields of a message in which servers send its thought; several of them may say the same."""
PARTS_OF_THOUGHT = ("thinking", "reasoning")
"""How the type of a part of the content, or of its text's field, begins where it is a thought."""
BUSY = (408, 429, 500, 502, 503, 504)
"""Codes of answers that are worth another try."""
SHOWN = 300
"""Characters of what an endpoint said that an error repeats."""


class NoReply(Exception):
    """What was sent is no reply; `again` says whether another try may bring one."""

    def __init__(self, sentence: str, again: bool = False):
        self.again = again
        super().__init__(sentence)


def reply_of(answer: Any, marks: Marks) -> Reply:
    """The reply in an answer that huggingface_hub has read. Raises NoReply where there is none, and
    ModelError where there is one that the model is not known to have given: filtered, or a tool's
    call."""
    choices = getattr(answer, "choices", None)
    choice = choices[0] if isinstance(choices, list) and choices else None
    for place in (answer, choice):
        if error := getattr(place, "error", None):
            raise NoReply(f"the endpoint sent an error: {shown(error)}", again=_code(error) in BUSY)
    message = getattr(choice, "message", None)
    if not hasattr(message, "content"):
        raise NoReply(f"the answer is no chat completion of OpenAI's protocol: {shown(answer)}")
    text, thought = contents(getattr(message, "content", None))
    text = text or contents(getattr(message, "refusal", None))[0]
    aside = [contents(getattr(message, field, None)) for field in THOUGHTS]
    thought = next(filter(str.strip, itertools.chain.from_iterable(aside)), thought)
    ended = reason(getattr(choice, "finish_reason", None))
    check(ended, text, message)
    usage = getattr(answer, "usage", None)
    return Reply(
        text,
        finished=not CUT.search(ended),
        tokens=int(getattr(usage, "completion_tokens", 0) or 0),
        marks=dataclasses.replace(marks, begun="", apart=thought) if thought.strip() else marks,
    )


def check(ended: str, text: str, message: Any) -> None:
    """Raise where the reply did not end by the model itself, or by the length limit."""
    if FILTERED.search(ended):
        raise ModelError(
            f"The endpoint's own filter stopped a reply ({ended}), so that what the model would"
            " have said is not known; counted as an answer it would seem a safe one. Turn the"
            " filter off, or ask an endpoint without."
        )
    if FAILED.search(ended):
        raise NoReply(f"the endpoint broke off a reply ({ended})", again=True)
    if getattr(message, "tool_calls", None) and not text.strip():
        raise ModelError(
            "The model called a tool, though none was offered, and said nothing. Serve it without"
            " tools (in vLLM, without --enable-auto-tool-choice), so that what it says arrives as"
            " text."
        )


def reason(value: Any) -> str:
    """Why a reply ended, letters only and in lower case: "MAX_TOKENS", "max-tokens" and {"type":
    "max_tokens"} are one. Empty where the endpoint does not say."""
    if isinstance(value, Mapping):
        value = cast(Mapping[str, Any], value).get("type")
    return re.sub(r"[^a-z]", "", str(value or "").lower())


def contents(value: Any) -> tuple[str, str]:
    """(what is said, what is thought) in a message's content: nothing, a text, or parts, which may
    hold parts."""
    if value is None or isinstance(value, str):
        return value or "", ""
    if isinstance(value, Mapping):
        return _part(cast(Mapping[str, Any], value))
    if isinstance(value, Sequence):
        pairs = [contents(part) for part in cast(Sequence[Any], value)]
        return "".join(text for text, _ in pairs), "".join(thought for _, thought in pairs)
    raise NoReply(f"the answer's content is neither text nor parts of it: {shown(value)}")


def _part(part: Mapping[str, Any]) -> tuple[str, str]:
    """Of one part: what it holds is in a field named after its type, or in "text"."""
    form = str(part.get("type", "text"))
    fields = (form, "text", "content", "refusal", *PARTS_OF_THOUGHT, "summary")
    held = next((part[field] for field in fields if part.get(field) is not None), None)
    text, thought = contents(held)
    return ("", text + thought) if form.startswith(PARTS_OF_THOUGHT) else (text, thought)


def _code(error: Any) -> Any:
    return cast(Mapping[str, Any], error).get("code") if isinstance(error, Mapping) else None


def shown(value: Any) -> str:
    """What an endpoint said, as an error repeats it: one line, its beginning."""
    text = " ".join(str(value).split())
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]} [cut]")
