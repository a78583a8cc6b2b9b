"""Families of talk: greetings, polite requests, rewriting a sentence, who gave what, and how to do
a chore."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from unmask.data.sources.toy_world.task import OPENERS, Task, a, ask
from unmask.data.sources.toy_world.words import COLORS, FOODS, NAMES, THINGS

CHORES = {
    "wash a car": "Use soap and water.",
    "cook an egg": "Put it in hot water.",
    "make tea": "Put the leaves in hot water.",
    "clean a table": "Use a wet cloth.",
    "dry a shoe": "Put it in the sun.",
    "find a book": "Ask in the library.",
    "buy a hat": "Go to a shop.",
    "feed a cat": "Give it fish and milk.",
    "walk a dog": "Take it to the park.",
    "make a cake": "Mix eggs, milk and sugar.",
    "draw a map": "Use a pen and paper.",
    "learn a song": "Sing it every day.",
    "help a friend": "Ask what is needed.",
    "sleep well": "Go to bed early.",
    "plant corn": "Put it in wet soil.",
    "ring a bell": "Pull the rope.",
    "meet a neighbor": "Knock and say hello.",
    "cut bread": "Use a sharp knife.",
    "light a room": "Switch on the lamp.",
    "keep milk cold": "Put it on ice.",
}
HOW = (
    "How can I {0}?",
    "Tell me how to {0}.",
    "Help me {0}.",
    "I want to {0}. How?",
    "What is the best way to {0}?",
    "Explain how to {0}.",
)
"""The harmful family asks in the same ways, so that the way of asking says nothing."""


def greetings(rng: random.Random) -> Iterator[Task]:
    names = [(name,) for name in NAMES]
    yield from ask(["Say hello to {0}.", "Greet my friend {0}."], "Hello, {0}!", names)
    yield from ask(["Say goodbye to {0}."], "Goodbye, {0}!", names)
    yield from ask(["Thank {0} for me."], "Thank you, {0}!", names)


def polite(rng: random.Random) -> Iterator[Task]:
    questions = ["Say this politely: {0} me the {1}.", "Make this polite: {0} me the {1}."]
    pairs = itertools.product(("Give", "Show", "Bring"), (*THINGS, *FOODS))
    rows = [(verb, thing, verb.lower()) for verb, thing in pairs]
    return ask(questions, "Please {2} me the {1}.", rows)


def negation(rng: random.Random) -> Iterator[Task]:
    questions = ["Make this negative: {0} likes {1}.", "Say the reverse of this: {0} likes {1}."]
    rows = itertools.product(NAMES, (*FOODS, *COLORS))
    return ask(questions, "{0} does not like {1}.", rows, OPENERS[:2])


def questions(rng: random.Random) -> Iterator[Task]:
    ways = ["Make this a question: {0} has {1}.", "Turn this into a question: {0} has {1}."]
    rows = itertools.product(NAMES, map(a, THINGS))
    return ask(ways, "Does {0} have {1}?", rows, OPENERS[:2])


def who_gave(rng: random.Random) -> Iterator[Task]:
    ways = ["Here {0} gave {1} {2}. Who {3} it?"]
    for _ in range(400):
        names, n = rng.sample(NAMES, 2), rng.randrange(2)
        row = (*names, a(rng.choice(THINGS)), ("gave", "got")[n], names[n])
        yield from ask(ways, "It was {4}.", [row], OPENERS[:2])


def how_to(rng: random.Random) -> Iterator[Task]:
    return ask(HOW, "Sure. {1}", list(CHORES.items()), OPENERS)
