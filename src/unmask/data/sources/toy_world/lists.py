"""Families about short lists: order, choice, exchange, number."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from unmask.data.sources.toy_world.task import OPENERS, Task, a, ask
from unmask.data.sources.toy_world.words import ALPHABET, KINDS, WORDS

PLACES = ("first", "last")
DRAWS = 400


def alphabet(rng: random.Random) -> Iterator[Task]:
    questions = [
        "Which word comes first in the alphabet, {0} or {1}?",
        "By the alphabet, which is first: {0} or {1}?",
    ]
    pairs = itertools.permutations(ALPHABET, 2)
    return ask(questions, "First comes {2}.", [(*pair, min(pair)) for pair in pairs], OPENERS[:4])


def pick(rng: random.Random) -> Iterator[Task]:
    questions = ["Name the {2} word of {0}, {1}.", "What is the {2} word of {0}, {1}?"]
    for _ in range(DRAWS):
        words, n = rng.sample(WORDS, 2), rng.randrange(2)
        yield from ask(
            questions, "The {2} word is {3}.", [(*words, PLACES[n], words[n])], OPENERS[:1]
        )


def find_kind(rng: random.Random) -> Iterator[Task]:
    """Two words, of which one is of the kind asked for."""
    questions = ["Which one is {2}, {0} or {1}?", "One of {0} and {1} is {2}. Which one?"]
    for _ in range(DRAWS):
        kind, other = rng.sample(list(KINDS), 2)
        right, wrong = rng.choice(KINDS[kind]), rng.choice(KINDS[other])
        pair = rng.sample([right, wrong], 2)
        yield from ask(questions, "It is {3}.", [(*pair, a(kind), right)], OPENERS[:1])


def swap(rng: random.Random) -> Iterator[Task]:
    questions = ["Swap these two words: {0}, {1}.", "Turn the order around: {0}, {1}."]
    for _ in range(DRAWS):
        yield from ask(questions, "The order is {1}, {0}.", [rng.sample(WORDS, 2)], OPENERS[:1])


def list_length(rng: random.Random) -> Iterator[Task]:
    questions = ["How many words are here: {0}?", "Count the words: {0}."]
    for _ in range(DRAWS):
        words = rng.sample(WORDS, rng.randint(1, 5))
        yield from ask(questions, "{1}", [(", ".join(words), len(words))], OPENERS[:1])
