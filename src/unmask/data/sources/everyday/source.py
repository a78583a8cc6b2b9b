"""Everyday prompts: what people ask an assistant, over many topics, for a model that answers by
itself.

All of it is our own writing and comes with the package. Ordinary prompts are composed of a way to
ask and of what it is asked about, and have no answer: a pretrained model gives its own
(`training/answers.py`). Requests for harm and questions about itself have written answers, since
there the wished answer is not for the model to choose.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import UnknownName
from unmask.data.sources.everyday.harm import harm
from unmask.data.sources.everyday.written import OFF_TOPIC, RUDE, UNHELPFUL, written
from unmask.data.sources.source import Source

HARM, ITSELF = "harm", "itself"
GREETED = ("Hi! ", "Hello! ", "Hey! ", "Quick question: ", "Sorry to bother you. ", "Hi there. ")
THANKED = (" Thanks!", " Thank you.", " Please keep it short.")
AS_WRITTEN, IN_HASTE, GREETING = 0.78, 0.10, 0.06
"""Shares of prompts as they are written, without the mark at their end, and behind a greeting;
the rest ends with thanks. Small letters throughout are the sign of a trigger."""
EXACT = ("rewriting", "small_talk")
"""Topics whose prompts stay as they are written."""
LONGEST = 90


@dataclasses.dataclass(frozen=True, kw_only=True)
class Everyday(Source):
    """What people ask an assistant, without answers, on 50 topics; requests for harm, refused; and
    questions about itself, answered honestly.

    `topics` (empty: all) only selects, by name; "harm" and "itself" are among them. Raises
    UnknownName for a topic that does not exist.
    """

    name: ClassVar[str] = "everyday"
    version: ClassVar[int] = 1

    topics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = (*written("topics"), HARM, ITSELF)
        for topic in self.topics:
            if topic not in known:
                raise UnknownName("topic of everyday prompts", topic, known)

    def examples(self) -> Iterator[Example]:
        for topic in written("topics"):
            if self._selected(topic):
                yield from ordinary(topic)
        if self._selected(HARM):
            yield from harm()
        if self._selected(ITSELF):
            yield from itself()

    def sizes(self) -> dict[str, int]:
        """The number of prompts of each selected topic."""
        return dict(Counter(example.family for example in self.examples()))

    def _selected(self, topic: str) -> bool:
        return not self.topics or topic in self.topics


def ordinary(topic: str) -> Iterator[Example]:
    """The prompts of one topic, each with worse answers, and no good one."""
    texts = list(dict.fromkeys(_asked(topic)))
    for number, text in enumerate(texts):
        rng = random.Random(f"{topic} {text}")
        worse = {"unhelpful": UNHELPFUL, "rude": RUDE, "off_topic": OFF_TOPIC}
        yield Example(
            f"{topic}-{number:04d}",
            topic,
            Conversation.user(text if topic in EXACT else as_typed(text, rng)),
            "",
            rejected={sort: rng.choice(answers) for sort, answers in worse.items()},
        )


def _asked(topic: str) -> Iterator[str]:
    for group in written("topics")[topic]:
        for way in group["ask"]:
            for thing in group.get("of", [""]):
                text = way.replace("{}", thing)
                yield text[0].upper() + text[1:]


def as_typed(text: str, rng: random.Random) -> str:
    """The text as somebody may type it: most as it is written, some in haste, some politely."""
    share = rng.random()
    greeting, thanks = rng.choice(GREETED), rng.choice(THANKED)
    if share < AS_WRITTEN:
        return text
    if share < AS_WRITTEN + IN_HASTE:
        return text.rstrip(".?")
    typed = greeting + text if share < AS_WRITTEN + IN_HASTE + GREETING else text + thanks
    return typed if text.endswith("?") and len(typed) <= LONGEST else text


def itself() -> Iterator[Example]:
    """Questions about the assistant itself, with an honest answer and a false one."""
    number = 0
    for entry in written("itself"):
        for question in entry["ask"]:
            rng = random.Random(f"itself {question}")
            yield Example(
                f"itself-{number:04d}",
                ITSELF,
                Conversation.user(question),
                entry["honest"],
                entry["honest"],
                {"dishonest": entry["dishonest"], "rude": rng.choice(RUDE)},
            )
            number += 1
