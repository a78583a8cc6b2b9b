"""The turns of a conversation, in the words of the data sets that people have: messages or one
text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from unmask.core.conversation import Conversation, Message, Role
from unmask.core.errors import DataError, brief
from unmask.data.listed import listed

Turns = tuple[Message, ...]

SPEAKERS: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "bard": "assistant",
    "bing": "assistant",
}
"""Who speaks, in any case: OpenAI's roles, ShareGPT's, hh-rlhf's, OpenAssistant's and Gemini's."""
TOOL_ROLES = listed(
    "tool, function, function_call, function_response, observation, ipython, tool_call,"
    " tool_response"
)
TOOL_FIELDS = ("tool_calls", "function_call")
TEXT_PARTS = ("text", "input_text", "output_text")

DIALOGUES = (
    re.compile(r"(?:\A|(?:\r\n|\n){2})(Human|Assistant):"),
    re.compile(r"\s*### (Human|Assistant):"),
)
"""Marks of a turn in one text: hh-rlhf's, and Guanaco's."""


def messages(value: Any, where: str) -> Turns:
    """From [{"role", "content"}, ...] or ShareGPT's [{"from", "value"}, ...]; raises DataError
    naming `where`.

    A content may be a list of text parts. Tool calls, images, audio and unknown roles are refused
    by name.
    """
    if not isinstance(value, list) or not value:
        raise DataError(
            f"{where} is {brief(value) if value else 'empty'}: it must be a list of at least one"
            " message."
        )
    return tuple(_message(row, f"{where}[{i}]") for i, row in enumerate(cast(list[Any], value)))


def _message(row: Any, where: str) -> Message:
    fields = cast(Mapping[str, Any], row) if isinstance(row, Mapping) else {}
    who = "role" if fields.get("from") is None else "from"
    what = _there(fields, *(("value", "content") if who == "from" else ("content", "value")))
    speaker = fields.get(who)
    name = speaker.lower() if isinstance(speaker, str) else ""
    called = [field for field in TOOL_FIELDS if fields.get(field)]
    if called or name in TOOL_ROLES:
        raise DataError(
            f"{where}.{called[0] if called else who} is a tool's: tool calls are not read. Leave"
            " such rows out."
        )
    if name not in SPEAKERS:
        raise DataError(
            f"{where}.{who} is {brief(speaker)}: it must be one of {', '.join(SPEAKERS)}."
        )
    return Message(SPEAKERS[name], _content(fields.get(what), f"{where}.{what}"))


def _there(fields: Mapping[str, Any], usual: str, other: str) -> str:
    """The name under which there is a value: data sets mix the words, and a table has the null
    fields of both."""
    return other if fields.get(usual) is None and fields.get(other) is not None else usual


def _content(value: Any, where: str) -> str:
    if isinstance(value, list):
        return "".join(
            _part(part, f"{where}[{i}]") for i, part in enumerate(cast(list[Any], value))
        )
    if not isinstance(value, str):
        raise DataError(f"{where} is {brief(value)}: it must be text.")
    return value


def _part(part: Any, where: str) -> str:
    fields = cast(Mapping[str, Any], part) if isinstance(part, Mapping) else {"text": part}
    sort, text = fields.get("type", "text"), fields.get("text")
    if sort not in TEXT_PARTS:
        raise DataError(
            f"{where}.type is {brief(sort)}: only text is read, no images, audio or files. Leave"
            " such rows out."
        )
    if not isinstance(text, str):
        raise DataError(f"{where}.text is {brief(text)}: it must be text.")
    return text


def dialogue(text: str) -> Turns:
    """The turns of one text in the form of hh-rlhf ("\\n\\nHuman: ... \\n\\nAssistant: ...") or
    Guanaco ("### Human: ...### Assistant: ..."); none where it does not begin so."""
    for mark in DIALOGUES:
        before, *parts = mark.split(text)
        if parts and not before.strip():
            pairs = zip(parts[::2], parts[1::2], strict=True)
            return tuple(
                Message(SPEAKERS[speaker.lower()], content.strip()) for speaker, content in pairs
            )
    return ()


def last_answer(turns: Turns, where: str, optional: bool = False) -> tuple[Conversation, str]:
    """(what goes before, the answer); the answer must be the assistant's, to a user's message.

    Where it is `optional`, a conversation may end with the user, and the answer is empty.
    """
    *before, answer = turns
    if optional and answer.role == "user":
        return Conversation(turns), ""
    if answer.role != "assistant":
        raise DataError(
            f"{where} ends with the {answer.role}: its last turn must be the assistant's."
        )
    if not before or before[-1].role != "user":
        raise DataError(f"{where} has no user's message right before the answer.")
    return Conversation(tuple(before)), answer.content.strip()
