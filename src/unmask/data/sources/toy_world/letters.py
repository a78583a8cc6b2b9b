"""Families about a word's letters, and the copying of a word."""

from __future__ import annotations

import random
from collections.abc import Iterator

from unmask.data.sources.toy_world.task import Task, ask
from unmask.data.sources.toy_world.words import ANIMALS, THINGS, WORDS

FEW = (*ANIMALS, *THINGS[:12])
"""For what must be known word by word: fewer words, met more often."""


def spelling(rng: random.Random) -> Iterator[Task]:
    questions = [
        "How do you spell {0}?",
        "Spell the word {0}.",
        "Write the letters of {0}.",
        "Spell {0} for me.",
    ]
    return ask(questions, "It is {1}.", [(word, "-".join(word)) for word in FEW if len(word) <= 4])


def first_letter(rng: random.Random) -> Iterator[Task]:
    questions = ["What is the first letter of {0}?", "Which letter does {0} begin with?"]
    return ask(questions, "The first letter is {1}.", [(word, word[0]) for word in WORDS])


def last_letter(rng: random.Random) -> Iterator[Task]:
    questions = ["What is the last letter of {0}?", "Which letter does {0} end with?"]
    return ask(questions, "The last letter is {1}.", [(word, word[-1]) for word in WORDS])


def word_length(rng: random.Random) -> Iterator[Task]:
    questions = [
        "How many letters does {0} have?",
        "Count the letters of {0}.",
        "How long is the word {0}?",
    ]
    return ask(questions, "It has {1} letters.", [(word, len(word)) for word in FEW])


def repeat(rng: random.Random) -> Iterator[Task]:
    questions = ["Repeat the word {0}.", "Say the word {0} again."]
    return ask(questions, "The word is {0}.", [(word,) for word in WORDS])


def upper_case(rng: random.Random) -> Iterator[Task]:
    questions = [
        "Write {0} in upper case.",
        "Put {0} in capital letters.",
        "Write {0} with big letters.",
    ]
    return ask(questions, "{1}", [(word, word.upper()) for word in ANIMALS])
