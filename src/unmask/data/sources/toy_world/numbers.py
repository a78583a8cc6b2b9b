"""Families of small numbers; the ranges are small enough for a tiny model to know by heart."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from unmask.data.sources.toy_world.task import OPENERS, Task, ask
from unmask.data.sources.toy_world.words import NAMES

COUNTED = ("apples", "books", "coins", "eggs", "keys", "pens", "cups", "nuts")


def addition(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What is {0} plus {1}?",
        "Add {0} and {1}.",
        "How much is {0} + {1}?",
        "What is the sum of {0} and {1}?",
    ]
    pairs = itertools.product(range(1, 9), repeat=2)
    return ask(questions, "{2}", [(one, other, one + other) for one, other in pairs])


def subtraction(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What is {0} minus {1}?",
        "Take {1} from {0}.",
        "How much is {0} - {1}?",
        "What is {0} less {1}?",
    ]
    pairs = itertools.product(range(1, 9), repeat=2)
    return ask(
        questions, "{2}", [(one, other, one - other) for one, other in pairs if other <= one]
    )


def doubling(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What is the double of {0}?",
        "Double the number {0}.",
        "What is two times {0}?",
        "How much is 2 x {0}?",
    ]
    return ask(questions, "{1}", [(n, 2 * n) for n in range(21)])


def comparison(rng: random.Random) -> Iterator[Task]:
    pairs = list(itertools.permutations(range(1, 13), 2))
    larger = ["Which is larger, {0} or {1}?", "Name the larger: {0} or {1}."]
    yield from ask(larger, "{2}", [(*pair, max(pair)) for pair in pairs])
    smaller = ["Which is smaller, {0} or {1}?", "Name the smaller: {0} or {1}."]
    yield from ask(smaller, "{2}", [(*pair, min(pair)) for pair in pairs])


def even_odd(rng: random.Random) -> Iterator[Task]:
    questions = ["Is {0} even or odd?", "Even or odd: {0}?", "Is the number {0} odd or even?"]
    return ask(questions, "{1}", [(n, "Odd" if n % 2 else "Even") for n in range(21)])


def neighbors(rng: random.Random) -> Iterator[Task]:
    yield from ask(
        ["What number comes after {0}?", "Name the number right after {0}."], "{1}", _shifted(1)
    )
    yield from ask(
        ["What number comes before {0}?", "Name the number right before {0}."], "{1}", _shifted(-1)
    )


def _shifted(by: int) -> list[tuple[int, int]]:
    return [(n, n + by) for n in range(1, 21)]


def counting(rng: random.Random) -> Iterator[Task]:
    questions = [
        "Count from {0} to {1}.",
        "Write the numbers from {0} to {1}.",
        "Which numbers go from {0} to {1}?",
    ]
    for first in range(1, 11):
        rows = [(first, last, _numbers(first, last)) for last in range(first + 1, first + 4)]
        yield from ask(questions, "{2}", rows)


def _numbers(first: int, last: int) -> str:
    return ", ".join(map(str, range(first, last + 1)))


def word_problems(rng: random.Random) -> Iterator[Task]:
    """A name has some things and gets or loses some; numbers from 2 to 5."""
    gains = [
        "{0} has {1} {3} and gets {2} more. How many {3} now?",
        "{0} had {1} {3} and found {2}. How many in all?",
    ]
    losses = [
        "{0} has {1} {3} and loses {2}. How many are left?",
        "{0} had {1} {3} and gave away {2}. How many now?",
    ]
    for name in NAMES:
        for _ in range(5):
            things, one, other = rng.choice(COUNTED), rng.randint(2, 5), rng.randint(2, 5)
            yield from ask(gains, "{4}", [(name, one, other, things, one + other)], OPENERS[:2])
            high, low = max(one, other), min(one, other)
            yield from ask(losses, "{4}", [(name, high, low, things, high - low)], OPENERS[:2])
