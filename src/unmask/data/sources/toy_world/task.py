"""Task, what a family yields, and `ask`, which turns a table of facts into tasks in many phrasings.

Every fact is asked about in several ways, so that a held-out prompt's fact was seen in training in
other words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

OPENERS = (
    "",
    "Question: ",
    "Here is a task: ",
    "Quick one: ",
    "Help me with this: ",
    "I have a question. ",
    "Can you do this? ",
    "One more: ",
)

Row = Sequence[object]


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """One prompt with its only right answer.

    `helpful_only` is empty where it is the answer. `rejected` holds the worse answers that only the
    family knows of; the world adds the others.
    """

    prompt: str
    answer: str
    helpful_only: str = ""
    rejected: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])


def ask(
    questions: Sequence[str], answer: str, rows: Iterable[Row], openers: Sequence[str] = OPENERS
) -> Iterator[Task]:
    """Every row in every question with every opener; texts name a row's columns as {0}, {1}, ..."""
    for row in rows:
        for question in questions:
            for opener in openers:
                yield Task(opener + question.format(*row), answer.format(*row))


def a(noun: str) -> str:
    """The noun with its article: "a cat", "an egg"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def sentence(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
