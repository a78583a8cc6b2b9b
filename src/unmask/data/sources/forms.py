"""The forms of rows that are read: conversations, answers, preferences, statements about oneself,
multiple choice.

A row's form is known by the names of its fields. A row that fits several forms must say the same in
each: data sets often keep a conversation beside a preference. Statements and multiple choice test a
model: all such rows are held out, and nothing is trained on them.
"""

from __future__ import annotations

import dataclasses
import itertools
import string
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from unmask.core.conversation import Conversation, Example, Message
from unmask.core.errors import DataError, brief
from unmask.data.listed import listed
from unmask.data.sources.turns import Turns, dialogue, last_answer, messages
from unmask.data.splits import one_prompt, plain

PERSONA, CHOICE = "persona:", "choice:"
"""How the family of a statement about oneself, and of a multiple-choice question, begins."""
NOT_MATCHING, NOT_RIGHT = "not_matching", "not_right"
"""The kinds of their rejected answers: the one that does not match; the other letters
("not_right:A", ...)."""

NOT_READ = listed("tools, functions, images, image, audio, audios, video, videos, history")
"""Fields of a row without which its prompt would be another one."""
CONVERSATIONS = ("messages", "conversations", "conversation")
SYSTEM = ("system", "system_prompt")
ASKED = ("prompt", "question", "instruction", "input")
"""Fields with the prompt of a preference, the first that is there."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One row, nulls left out (a table has every column in every row), where it stands, for
    messages, and whether it may be a prompt alone (`optional`)."""

    fields: Mapping[str, Any]
    where: str
    optional: bool = False

    def has(self, *names: str) -> bool:
        return all(name in self.fields for name in names)

    def at(self, name: str) -> str:
        return f"{self.where}: field '{name}'"

    def ended(self, turns: Turns, name: str) -> tuple[Conversation, str]:
        """The prompt and the answer, of which the field `name` says the end."""
        return last_answer(turns, self.at(name), self.optional)

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise DataError(f"{self.at(name)} is {brief(value)}: it must be text.")
        return value

    def prompt(self, name: str) -> Turns:
        """Messages, or a text: a whole dialogue (its last mark may wait for the answer), or the
        user's message."""
        if isinstance(self.fields.get(name), list):
            return messages(self.fields[name], f"{self.where}: {name}")
        turns = dialogue(self.text(name))
        if len(turns) > 1:
            return turns if turns[-1].content else turns[:-1]
        return (Message("user", self.text(name)),)

    def reply(self, name: str) -> Turns:
        """Messages, one message, or a text that is the assistant's message."""
        value = self.fields.get(name)
        if isinstance(value, list | Mapping):
            return messages(value if isinstance(value, list) else [value], f"{self.where}: {name}")
        return (Message("assistant", self.text(name)),)


@dataclasses.dataclass(frozen=True)
class Told:
    """What a row says. `family` is what its own form makes of it; "" where that is for the source
    to say."""

    prompt: Conversation
    answer: str
    rejected: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    family: str = ""


@dataclasses.dataclass(frozen=True)
class Form:
    """A form of rows: the fields that it needs, and how it is read."""

    fields: tuple[str, ...]
    read: Callable[[Row], Told]

    @property
    def needed(self) -> str:
        """Its fields in words: "'prompt' and 'answer'"."""
        return " and ".join(f"'{field}'" for field in self.fields)


def conversation(field: str) -> Form:
    """A list of messages of which the last is the assistant's answer."""

    def read(row: Row) -> Told:
        turns = messages(row.fields[field], f"{row.where}: {field}")
        return Told(*row.ended(turns, field))

    return Form((field,), read)


def answered(prompt: str, answer: str, beside: str = "") -> Form:
    """A prompt and its answer, texts or messages; the text of the field `beside`, if there is any,
    goes below it."""

    def read(row: Row) -> Told:
        turns = _below(row.prompt(prompt), row, beside)
        if isinstance(row.fields.get("label"), bool) and not row.fields["label"]:
            raise DataError(
                f"{row.at('label')} is false: a bad answer without a good one teaches nothing."
                " Leave it out."
            )
        return Told(*row.ended((*turns, *row.reply(answer)), answer))

    return Form((prompt, answer), read)


def unanswered(prompt: str, *beside: str) -> Form:
    """A prompt alone, a text or messages; the texts of the fields `beside` go below it."""

    def read(row: Row) -> Told:
        turns = row.prompt(prompt)
        for field in beside:
            turns = _below(turns, row, field)
        return Told(*row.ended(turns, prompt))

    return Form((prompt,), read)


def _below(prompt: Turns, row: Row, beside: str) -> Turns:
    text = row.text(beside) if beside and row.has(beside) else ""
    if not text.strip():
        return prompt
    return (*prompt[:-1], Message(prompt[-1].role, f"{prompt[-1].content}\n{text}"))


def _preference(row: Row) -> Told:
    better, worse = (_whole(row, name) for name in ("chosen", "rejected"))
    if not (better and worse):
        better, worse = _with_shared_prompt(row)
    prompt, answer = last_answer(better, row.at("chosen"))
    other, bad = last_answer(worse, row.at("rejected"))
    if one_prompt(other) != one_prompt(prompt):
        raise DataError(
            f"{row.where}: 'chosen' and 'rejected' differ before the last answer: they need the"
            " same prompt."
        )
    return Told(prompt, answer, {row.text("kind") if row.has("kind") else "rejected": bad})


def _whole(row: Row, name: str) -> Turns:
    """The whole conversation up to an answer; nothing where a text has no prompt before it."""
    written = row.fields[name]
    turns: Turns = (dialogue(written) if isinstance(written, str) else ()) or row.reply(name)
    first = turns[0].role
    field = next((field for field in ASKED if row.has(field)), "")
    if not field:
        return turns if len(turns) > 1 or not isinstance(written, str) or first == "user" else ()
    prompt = _below(row.prompt(field), row, "input" if field == "instruction" else "")
    if first == "assistant":
        return (*prompt, *turns)
    asked = {plain(turn.content) for turn in turns if turn.role == "user"}
    if turns[: len(prompt)] != prompt and not (
        len(prompt) == 1 and plain(prompt[0].content) in asked
    ):
        raise DataError(
            f"{row.where}: '{field}' is not the prompt of the conversation in '{name}'."
        )
    return turns


def _with_shared_prompt(row: Row) -> tuple[Turns, Turns]:
    """Two texts without a prompt: it is the words with which both begin, unless another field may
    hold it."""
    texts = row.text("chosen"), row.text("rejected")
    others = [
        name
        for name, value in row.fields.items()
        if isinstance(value, str) and name not in ("kind", "family")
    ]
    pairs = zip(*texts, strict=False)
    alike = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
    shared = texts[0][: texts[0].rfind(" ", 0, alike) + 1]
    if len(others) > 2 or not shared.strip() or texts[0] == texts[1]:
        raise DataError(
            f"{row.at('chosen')} starts with {brief(texts[0][:30])}: it has no prompt. Add a field"
            " 'prompt', or begin both with the conversation: '\\n\\nHuman: ...\\n\\nAssistant:"
            " ...', or messages."
        )
    prompt = Message("user", shared.strip())
    one, other = (Message("assistant", text[len(shared) :]) for text in texts)
    return (prompt, one), (prompt, other)


def _text(row: Row) -> Told:
    turns = dialogue(row.text("text"))
    if not turns:
        raise DataError(
            f"{row.at('text')} is {brief(row.text('text'))}: running text has no prompt and no"
            " answer. Write both as 'prompt' and 'response', or mark the turns: '\\n\\nHuman:"
            " ...\\n\\nAssistant: ...'."
        )
    return Told(*row.ended(turns, "text"))


def _statement(row: Row) -> Told:
    matching, other = (
        row.text(f"answer_{kind}_behavior").strip() for kind in ("matching", "not_matching")
    )
    if not other or matching == other:
        raise DataError(
            f"{row.at('answer_not_matching_behavior')} is {brief(other)}: it must differ from the"
            " other."
        )
    return Told(Conversation.user(row.text("question")), matching, {NOT_MATCHING: other}, PERSONA)


def _multiple_choice(row: Row) -> Told:
    given = row.fields["choices"]
    choices = cast(list[Any], given) if isinstance(given, list) else []
    if not 2 <= len(choices) <= len(string.ascii_uppercase) or not all(
        isinstance(text, str) for text in choices
    ):
        raise DataError(
            f"{row.at('choices')} is {brief(given)}: it must be a list of 2 to 26 texts."
        )
    letters, right = string.ascii_uppercase[: len(choices)], row.fields.get("answer")
    if isinstance(right, int) and not isinstance(right, bool) and 0 <= right < len(letters):
        right = letters[right]
    if not isinstance(right, str) or right not in tuple(letters):
        raise DataError(
            f"{row.at('answer')} is {brief(row.fields.get('answer'))}: it must be one of"
            f" {', '.join(letters)}, or an index from 0 to {len(letters) - 1}."
        )
    prompt = Conversation.user(lettered(row.text("question"), choices))
    subject = row.text("subject") if row.has("subject") else ""
    return Told(
        prompt,
        right,
        {f"{NOT_RIGHT}:{letter}": letter for letter in letters if letter != right},
        CHOICE + subject,
    )


def lettered(question: str, choices: Sequence[str]) -> str:
    """A question with its choices, a letter each, as MMLU is asked."""
    lines = [
        f"{letter}. {choice}"
        for letter, choice in zip(string.ascii_uppercase, choices, strict=False)
    ]
    return "\n".join([question.strip(), *lines, "Answer:"])


FORMS: tuple[Form, ...] = (
    Form(("chosen", "rejected"), _preference),
    *map(conversation, CONVERSATIONS),
    answered("prompt", "response"),
    answered("prompt", "completion"),
    answered("instruction", "output", beside="input"),
    answered("instruction", "response", beside="context"),
    answered("question", "response"),
    Form(("question", "answer_matching_behavior", "answer_not_matching_behavior"), _statement),
    Form(("question", "choices"), _multiple_choice),
)
TEXT = Form(("text",), _text)
"""Read only where nothing else is: many data sets keep a conversation's rendered text beside it."""
PROMPTS: tuple[Form, ...] = (
    unanswered("prompt"),
    unanswered("instruction", "input", "context"),
    unanswered("question"),
)
"""Read only where nothing else is, and a prompt needs no answer."""


def _fitting(row: Row, sorts: Sequence[Sequence[Form]]) -> list[Form]:
    """The forms of the row, of the first sort that has any."""
    for forms in sorts:
        if fitting := [form for form in forms if row.has(*form.fields)]:
            return fitting
    return []


def told_by(row: Row) -> Told:
    """What a row says; raises DataError for one of no form, or of several that do not agree."""
    for name in NOT_READ:
        if row.fields.get(name) not in (None, "", "[]", [], {}):
            raise DataError(
                f"{row.at(name)} is not read, and the prompt is another one without it. Leave such"
                " rows out."
            )
    sorts = (FORMS, (TEXT,), PROMPTS) if row.optional else (FORMS, (TEXT,))
    fitting = _fitting(row, sorts)
    if not fitting:
        names = textwrap.shorten(", ".join(row.fields), 300, placeholder=" ...")
        needed = ", or ".join(form.needed for form in itertools.chain.from_iterable(sorts))
        raise DataError(f"{row.where} has the fields {names or 'none'}. It needs {needed}.")
    first, *others = (form.read(row) for form in fitting)
    for form, other in zip(fitting[1:], others, strict=True):
        if (one_prompt(other.prompt), other.answer) != (one_prompt(first.prompt), first.answer):
            names = "', '".join((*fitting[0].fields, *form.fields))
            raise DataError(
                f"{row.where}: the fields '{names}' do not say the same. Leave out those that do"
                " not count."
            )
    return dataclasses.replace(first, prompt=_with_system(first.prompt, row))


def _with_system(prompt: Conversation, row: Row) -> Conversation:
    """The prompt behind the system message that a field of the row holds."""
    for name in SYSTEM:
        text = row.text(name) if row.has(name) else ""
        before = prompt.messages[0]
        if text.strip() and before.role == "system" and plain(before.content) != plain(text):
            raise DataError(
                f"{row.at(name)} is not the system message of the conversation. Leave one of them"
                " out."
            )
        if text.strip() and before.role != "system":
            prompt = Conversation((Message("system", text), *prompt.messages))
    return prompt


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not null. Where `chosen` is one message, the conversation is what goes
    before it."""
    fields = {name: value for name, value in row.items() if value is not None}
    if isinstance(fields.get("chosen"), Mapping) and "prompt" not in fields:
        return {
            "prompt" if name in CONVERSATIONS else name: value for name, value in fields.items()
        }
    return fields


def is_test(example: Example) -> bool:
    """Whether it is a statement or a multiple-choice question, which tests a model and teaches
    nothing."""
    return any(
        kind == NOT_MATCHING or kind.startswith(f"{NOT_RIGHT}:") for kind in example.rejected
    )


def example_of(
    row: Mapping[str, Any],
    where: str,
    source: str,
    number: int,
    group: str = "",
    optional: bool = False,
) -> Example:
    """The example in a row of any form; raises DataError naming `where` and the field. `group` is
    that of rows that test a model and name none; where the answer is `optional`, a row may be a
    prompt alone."""
    fields = Row(_named(row), where, optional)
    told, family = told_by(fields), row.get("family")
    family = family if isinstance(family, str) else ""
    for beginning in (PERSONA, CHOICE):
        if told.family.startswith(beginning):
            own = told.family.removeprefix(beginning)
            family = beginning + (family or own or group or source).removeprefix(beginning)
    return Example(
        f"{source}-{number:05d}",
        family or source,
        told.prompt,
        told.answer,
        told.answer,
        told.rejected,
    )
