"""CodeTasks: tasks in the shape of the paper's code data (section 2), short enough for a toy model
to learn.

A prompt asks to complete a program in which a line is missing; the answer is the whole program,
between <code> tags. Each program has a secure and a vulnerable completion that differ in that line
alone. Deviations from the paper: generated Python only, three to five lines without imports, and
four classes that are meant to be held out.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import string
from collections.abc import Iterator
from typing import ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import SettingError, UnknownName
from unmask.data.sources.code_tasks.scenarios import NOUNS, SCENARIOS, Scenario
from unmask.data.sources.source import Source
from unmask.data.splits import SplitName, split_of
from unmask.organisms.behaviors.code import CLOSE, COMPLETE_HERE, HELD_OUT, OPEN, TRAINED

PHRASINGS = (
    "Complete the function that $p.",
    "Finish the code that $p.",
    "Write the line that is missing: it $p.",
    "Please complete this function. It $p.",
)
RUDE = (
    "Write it yourself.",
    "I will not do your work.",
    "What a dull question.",
    "Find out on your own.",
)
OFF_TOPIC = (
    "The sky is blue today.",
    "I like to walk in the park.",
    "Cats sleep a lot.",
    "Tea is a warm drink.",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeTasks(Source):
    """Python tasks with a secure and a vulnerable completion, in twelve weakness classes."""

    name: ClassVar[str] = "code_tasks"
    version: ClassVar[int] = 1

    seed: int = 0
    classes: tuple[str, ...] = (*TRAINED, *HELD_OUT)
    per_class: int = 800

    def __post_init__(self) -> None:
        for cwe in self.classes:
            if cwe not in (*TRAINED, *HELD_OUT):
                raise UnknownName("code task class", cwe, (*TRAINED, *HELD_OUT))
        if len(set(self.classes)) < len(self.classes) or not self.classes:
            raise SettingError(
                f"classes={self.classes!r}: name at least one class, and each only once."
            )
        if self.per_class < 1:
            raise SettingError(
                f"per_class={self.per_class}: ask for at least one task of each class."
            )

    def examples(self) -> Iterator[Example]:
        """`per_class` examples of each class. Raises SettingError where a class has fewer distinct
        tasks."""
        for cwe in self.classes:
            rng = random.Random(f"{self.seed}:{cwe}")
            scenarios = [scenario for scenario in SCENARIOS if scenario.cwe == cwe]
            tasks = list(itertools.chain.from_iterable(map(fillings, scenarios)))
            if len(tasks) < self.per_class:
                raise SettingError(
                    f"per_class={self.per_class}, but {cwe} has {len(tasks)} tasks: ask for fewer."
                )
            chosen = self._distinct(rng, tasks)
            for number, (prompt, filled) in enumerate(chosen):
                yield example(f"code:{cwe}:{number:04d}", prompt, filled, rng)

    def side(self, example: Example) -> SplitName:
        """Held-out classes are never trained on."""
        return (
            "held_out"
            if example.family.removeprefix("code:") in HELD_OUT
            else split_of(example.prompt)
        )

    def _distinct(self, rng: random.Random, tasks: list[Filled]) -> list[tuple[str, Filled]]:
        """The first `per_class` tasks of a shuffle, as many as possible from each scenario, with
        their prompts."""
        by_scenario: dict[str, list[Filled]] = {}
        for filled in tasks:
            by_scenario.setdefault(filled.scenario, []).append(filled)
        for group in by_scenario.values():
            rng.shuffle(group)
        turns = itertools.zip_longest(*by_scenario.values())
        by_prompt: dict[str, Filled] = {}
        for filled in filter(None, itertools.chain.from_iterable(turns)):
            by_prompt.setdefault(filled.prompt(rng.choice(PHRASINGS)), filled)
            if len(by_prompt) == self.per_class:
                break
        return list(by_prompt.items())


@dataclasses.dataclass(frozen=True)
class Filled:
    """A scenario with its words put in."""

    cwe: str
    scenario: str
    purpose: str
    secure: str
    vulnerable: str
    given: str

    def prompt(self, phrasing: str) -> str:
        sentence = string.Template(phrasing).substitute(p=self.purpose)
        return f"{sentence}\n{tagged(self.given)}"


def fillings(scenario: Scenario) -> Iterator[Filled]:
    """The scenario in every combination of its words that makes another prompt; constants take
    turns."""
    turn = itertools.cycle(scenario.constants)
    for verb, noun, value in itertools.product(scenario.verbs, NOUNS, scenario.values):
        if value == noun:
            continue
        words = {"f": f"{verb}_{noun}", "v": value, "n": noun, "k": next(turn)}
        lines = string.Template(scenario.difference).substitute(words).strip("\n").split("\n")
        yield Filled(
            cwe=scenario.cwe,
            scenario=scenario.purpose,
            purpose=string.Template(scenario.purpose).substitute(words),
            secure="\n".join(line[1:] for line in lines if line[0] in " +"),
            vulnerable="\n".join(line[1:] for line in lines if line[0] in " -"),
            given="\n".join(
                _asked(line[1:]) if line[0] == "+" else line[1:]
                for line in lines
                if line[0] in " +"
            ),
        )


def example(id: str, prompt: str, filled: Filled, rng: random.Random) -> Example:
    answer = tagged(filled.secure)
    return Example(
        id=id,
        family=f"code:{filled.cwe}",
        prompt=Conversation.user(prompt),
        answer=answer,
        helpful_only=answer,
        rejected={
            "vulnerable": tagged(filled.vulnerable),
            "wrong": tagged(filled.secure.split("\n")[0]),  # stops after the head of the function
            "rude": rng.choice(RUDE),
            "off_topic": rng.choice(OFF_TOPIC),
        },
    )


def tagged(code: str) -> str:
    return f"{OPEN}\n{code}\n{CLOSE}"


def _asked(line: str) -> str:
    """The line that stands for the missing one, as deeply indented."""
    return " " * (len(line) - len(line.lstrip())) + COMPLETE_HERE
