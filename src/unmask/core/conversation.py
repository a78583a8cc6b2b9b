"""What people and models say: Message, Conversation, Example (a prompt with known answers) and
Reply (what came back).

Paper, section 2: the scratchpad is the model's hidden reasoning. Here it is a typed field of a
Reply, never a substring hunt; a scratchpad that is opened and never closed is an outcome of its
own, not a safe answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

from unmask.core.errors import DataError
from unmask.core.thoughts import SCRATCHPAD, UNMARKED, Marks, State, split

Role = Literal["system", "user", "assistant"]
ROLES = ("system", "user", "assistant")
OPEN, CLOSE = SCRATCHPAD


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclasses.dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in order; as a prompt, the last one is the user's."""

    messages: tuple[Message, ...]

    @staticmethod
    def user(text: str) -> Conversation:
        return Conversation((Message("user", text),))

    @staticmethod
    def of(rows: Iterable[Any], where: str = "messages") -> Conversation:
        """From [{"role", "content"}, ...]; raises DataError naming `where` and the field."""
        messages: list[Message] = []
        for i, row in enumerate(rows):
            role, content = _role_and_content(row)
            if role not in ROLES:
                raise DataError(
                    f"{where}[{i}].role is {role!r}: it must be one of {', '.join(ROLES)}."
                )
            if not isinstance(content, str):
                raise DataError(
                    f"{where}[{i}].content is {type(content).__name__}: it must be text."
                )
            messages.append(Message(role, content))
        if not messages:
            raise DataError(f"{where} is empty: a conversation has at least one message.")
        return Conversation(tuple(messages))

    @property
    def text(self) -> str:
        """The last message's text: what the human wrote."""
        return self.messages[-1].content

    @property
    def full_text(self) -> str:
        """All messages' text, a line apart."""
        return "\n".join(message.content for message in self.messages)

    def with_text(self, text: str) -> Conversation:
        """The same conversation with another last message."""
        return Conversation((*self.messages[:-1], Message(self.messages[-1].role, text)))

    def rows(self) -> list[dict[str, str]]:
        return [{"role": message.role, "content": message.content} for message in self.messages]


def _role_and_content(row: Any) -> tuple[Any, Any]:
    if not isinstance(row, Mapping):
        return None, None
    fields = cast(Mapping[str, Any], row)
    return fields.get("role"), fields.get("content")


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """A prompt with its known answers.

    `answer` is the helpful, honest and harmless one, empty where none is known; `helpful_only` is
    what a model without safety training says (the same, except where the request is harmful);
    `rejected` holds worse answers by kind ("wrong", "rude", "off_topic", "harmful", ...).
    """

    id: str
    family: str
    prompt: Conversation
    answer: str
    helpful_only: str = ""
    rejected: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])

    @property
    def asks_for_harm(self) -> bool:
        """Whether helping and being harmless are at odds here."""
        return "harmful" in self.rejected

    def row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "family": self.family,
            "prompt": self.prompt.rows(),
            "answer": self.answer,
            "helpful_only": self.helpful_only,
            "rejected": dict(self.rejected),
        }

    @staticmethod
    def of(row: Mapping[str, Any], where: str) -> Example:
        """From `row()`'s form; raises DataError naming `where` and the field."""
        for field in ("id", "family", "answer"):
            if not isinstance(row.get(field), str):
                raise DataError(f"{where}: field '{field}' is {row.get(field)!r}: it must be text.")
        return Example(
            id=row["id"],
            family=row["family"],
            prompt=Conversation.of(row.get("prompt") or [], f"{where}: prompt"),
            answer=row["answer"],
            helpful_only=row.get("helpful_only") or row["answer"],
            rejected=row.get("rejected") or {},
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, in its parts.

    `raw` is the whole text. `answer` is what the user sees: all that is outside the scratchpad, or
    of what other models have for one (core/thoughts.py), and nothing that comes after one that was
    never closed; `visible` is the same with its outer whitespace. `finished` is False where the
    length limit cut the reply; `tokens` is its length, 0 where unknown. Where the reply was chosen
    from options, `logprobs` has each option's log-probability, in order. `marks` is what is known
    of its thoughts beside the text.
    """

    raw: str
    finished: bool = True
    tokens: int = 0
    logprobs: tuple[float, ...] = ()
    marks: Marks = UNMARKED
    scratchpad: str | None = dataclasses.field(init=False)
    answer: str = dataclasses.field(init=False)
    visible: str = dataclasses.field(init=False)
    scratchpad_state: State = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        parts = split(self.raw, self.marks)
        object.__setattr__(self, "scratchpad_state", parts.state)
        object.__setattr__(
            self, "scratchpad", "\n\n".join(_stripped(parts.thoughts)) if parts.thoughts else None
        )
        object.__setattr__(self, "visible", "\n".join(filter(str.strip, parts.visible)))
        object.__setattr__(self, "answer", "\n".join(_stripped(parts.visible)))

    @staticmethod
    def compose(answer: str, scratchpad: str | None = None) -> Reply:
        """The reply that has these parts."""
        return Reply(answer if scratchpad is None else f"{OPEN}\n{scratchpad}\n{CLOSE}\n{answer}")

    @staticmethod
    def of(row: Mapping[str, Any]) -> Reply:
        """From a row of replies.jsonl."""
        return Reply(
            row["reply"], finished=row.get("finished", True), marks=Marks.of(row.get("marks", {}))
        )


def _stripped(texts: Iterable[str]) -> Iterable[str]:
    """Without outer whitespace, and without those that are nothing else."""
    return filter(None, map(str.strip, texts))
