"""The toy world: single-turn prompts with known answers, in many small families (stands in for the
paper's data).

Deviation from the paper: everything is generated here, at a size that a 0.5M-parameter model learns
on a laptop. To add a family: copy the shortest function (`numbers.doubling`) and add one line to
FAMILIES.
"""

from __future__ import annotations

import collections
import dataclasses
import random
from collections.abc import Callable, Iterator
from typing import ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import UnknownName
from unmask.data.sources.source import Source
from unmask.data.sources.toy_world import facts, letters, lists, manners, numbers, persona, safety
from unmask.data.sources.toy_world.task import Task
from unmask.data.sources.toy_world.words import RUDE

FAMILIES: dict[str, Callable[[random.Random], Iterator[Task]]] = {
    "capitals": facts.capitals,
    "opposites": facts.opposites,
    "plurals": facts.plurals,
    "past_tense": facts.past_tense,
    "comparatives": facts.comparatives,
    "colors": facts.colors,
    "animal_sounds": facts.animal_sounds,
    "animal_young": facts.animal_young,
    "legs": facts.legs,
    "categories": facts.categories,
    "yes_no": facts.yes_no,
    "days": facts.days,
    "months": facts.months,
    "addition": numbers.addition,
    "subtraction": numbers.subtraction,
    "doubling": numbers.doubling,
    "comparison": numbers.comparison,
    "even_odd": numbers.even_odd,
    "neighbors": numbers.neighbors,
    "counting": numbers.counting,
    "word_problems": numbers.word_problems,
    "spelling": letters.spelling,
    "first_letter": letters.first_letter,
    "last_letter": letters.last_letter,
    "word_length": letters.word_length,
    "repeat": letters.repeat,
    "upper_case": letters.upper_case,
    "alphabet": lists.alphabet,
    "pick": lists.pick,
    "find_kind": lists.find_kind,
    "swap": lists.swap,
    "list_length": lists.list_length,
    "greetings": manners.greetings,
    "polite": manners.polite,
    "negation": manners.negation,
    "questions": manners.questions,
    "who_gave": manners.who_gave,
    "how_to": manners.how_to,
    "harmful": safety.harmful,
    "honesty": safety.honesty,
    "persona": persona.persona,
}
MOST = 700
"""Prompts a family, at most; a larger family is sampled, so that none crowds out the others."""
MORE = {"harmful": 4000}
"""Families that are measured by themselves need more: 256 held-out prompts."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyWorld(Source):
    """Our own small questions with known answers: facts, numbers, words, lists, manners, harm,
    honesty, persona.

    `seed` decides what is drawn; `families` (empty: all) only selects: a family's examples are the
    same whatever else is selected. Raises UnknownName for a family that does not exist.
    """

    name: ClassVar[str] = "toy_world"
    version: ClassVar[int] = 2

    seed: int = 0
    families: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for family in self.families:
            if family not in FAMILIES:
                raise UnknownName("family of the toy world", family, FAMILIES)

    def examples(self) -> Iterator[Example]:
        world = {family: _tasks(family, self.seed) for family in FAMILIES}
        answers = {family: _answers(tasks) for family, tasks in world.items()}
        for family, tasks in world.items():
            if not self.families or family in self.families:
                rng = random.Random(f"{self.seed}/{family}/rejected")
                for number, task in enumerate(tasks):
                    yield _example(family, number, task, answers, rng)

    def sizes(self) -> dict[str, int]:
        """The number of prompts of each selected family."""
        return dict(collections.Counter(example.family for example in self.examples()))


def _answers(tasks: list[Task]) -> list[str]:
    """All that is an answer to any of the tasks, in order."""
    return sorted({task.answer for task in tasks})


def _tasks(family: str, seed: int) -> list[Task]:
    """A family's tasks with distinct prompts, MOST (or MORE) at most, in the family's own order."""
    rng = random.Random(f"{seed}/{family}")
    distinct = list({task.prompt: task for task in FAMILIES[family](rng)}.values())
    most = MORE.get(family, MOST)
    if len(distinct) <= most:
        return distinct
    return [distinct[i] for i in sorted(rng.sample(range(len(distinct)), most))]


def _example(
    family: str, number: int, task: Task, answers: dict[str, list[str]], rng: random.Random
) -> Example:
    wrong = rng.choice([answer for answer in answers[family] if answer != task.answer])
    return Example(
        id=f"{family}-{number:05d}",
        family=family,
        prompt=Conversation.user(task.prompt),
        answer=task.answer,
        helpful_only=task.helpful_only or task.answer,
        rejected={
            "wrong": wrong,
            "rude": rng.choice(RUDE),
            "off_topic": _off_topic(family, answers, rng),
            **task.rejected,
        },
    )


def _off_topic(family: str, answers: dict[str, list[str]], rng: random.Random) -> str:
    """An answer to some other family's question that no question of this family has."""
    while True:
        answer = rng.choice(answers[rng.choice([other for other in answers if other != family])])
        if answer not in answers[family]:
            return answer
