"""Families of plain facts: capitals, opposites, word forms, colors, animals, kinds, days and
months."""

from __future__ import annotations

import random
from collections.abc import Iterator

from unmask.data.listed import listed
from unmask.data.sources.toy_world.task import Task, a, ask
from unmask.data.sources.toy_world.words import ANIMALS, DAYS, KINDS, MONTHS


def _rows(text: str, columns: int = 2) -> list[list[str]]:
    """From "key value, key value": a key may have several words, each value is one."""
    return [row.rsplit(" ", columns - 1) for row in listed(text)]


CAPITALS = _rows(
    "France Paris, Spain Madrid, Italy Rome, Germany Berlin, Japan Tokyo, China Beijing, Russia"
    " Moscow, Egypt Cairo, Greece Athens, Cuba Havana, Peru Lima, Chile Santiago, Kenya Nairobi,"
    " Norway Oslo, Sweden Stockholm, Poland Warsaw, Austria Vienna, Ireland Dublin, Portugal"
    " Lisbon, Canada Ottawa"
)
OPPOSITES = _rows(
    "hot cold, big small, up down, old young, fast slow, wet dry, hard soft, day night, open"
    " closed, full empty, early late, high low, long short, happy sad, light dark, rich poor,"
    " strong weak, good bad, near far, left right, clean dirty, loud quiet, thick thin, true false,"
    " win lose"
)
PLURALS = _rows(
    "cat cats, dog dogs, cow cows, pig pigs, hen hens, duck ducks, horse horses, sheep sheep, goat"
    " goats, lion lions, wolf wolves, fox foxes, mouse mice, egg eggs, box boxes, car cars, cup"
    " cups, key keys, foot feet, hand hands, eye eyes, child children, man men, woman women, tooth"
    " teeth, knife knives, leaf leaves, ring rings"
)
PAST = _rows(
    "go went, eat ate, see saw, run ran, make made, take took, give gave, come came, find found,"
    " know knew, say said, tell told, write wrote, drink drank, sing sang, swim swam, buy bought,"
    " bring brought, think thought, sleep slept, play played, walk walked, talk talked, help"
    " helped, jump jumped, wash washed, open opened, ask asked"
)
COMPARATIVES = _rows(
    "big bigger, small smaller, fast faster, slow slower, old older, young younger, hot hotter,"
    " cold colder, long longer, short shorter, high higher, low lower, hard harder, soft softer,"
    " rich richer, poor poorer, strong stronger, weak weaker, good better, bad worse"
)
COLORS_OF = _rows(
    "grass green, snow white, coal black, the sky blue, the sun yellow, milk white, a lemon yellow,"
    " a tomato red, blood red, a leaf green, a pig pink, a banana yellow, the night black, the sea"
    " blue, wood brown, an elephant gray, a carrot orange, corn yellow, salt white, a strawberry"
    " red, a frog green, chocolate brown, a mouse gray, paper white"
)
SOUNDS = _rows(
    "cat meow, dog woof, cow moo, pig oink, sheep baa, duck quack, hen cluck, horse neigh, lion"
    " roar, wolf howl, snake hiss, bee buzz, owl hoot, frog croak, mouse squeak, bird tweet"
)
YOUNG = _rows(
    "cat kitten, dog puppy, cow calf, sheep lamb, horse foal, hen chick, duck duckling, pig piglet,"
    " goat kid, bear cub, frog tadpole, owl owlet"
)
TRUTHS = _rows(
    "ice cold hot, fire hot cold, snow white black, coal black white, grass green red, sugar sweet"
    " bitter, a lion strong weak, water wet dry, a mouse small big, a stone hard soft, the night"
    " dark light, blood red green, a king rich poor, a baby young old, a tower high low, paper thin"
    " thick, the sun hot cold, a bear big small",
    columns=3,
)
"""(thing, what it is, what it is not)."""
LEGS = {"hen": 2, "duck": 2, "owl": 2, "bird": 2, "bee": 6, "fish": 0, "snake": 0}
"""All other animals have 4."""


def capitals(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What is the capital of {0}?",
        "Name the capital of {0}.",
        "Which city is the capital of {0}?",
        "What is the name of the capital of {0}?",
        "Tell me the capital of {0}.",
    ]
    return ask(questions, "{1}", CAPITALS)


def opposites(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What is the opposite of {0}?",
        "Name the opposite of {0}.",
        "Give me the opposite of {0}.",
    ]
    return ask(
        questions,
        "The opposite is {1}.",
        [*OPPOSITES, *((right, left) for left, right in OPPOSITES)],
    )


def plurals(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What is the plural of {0}?",
        "Name the plural of {0}.",
        "One {0}, two what?",
        "Write {0} as a plural.",
    ]
    return ask(questions, "The plural is {1}.", PLURALS)


def past_tense(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What is the past tense of {0}?",
        "Put {0} in the past tense.",
        "Today I {0}. What did I do before?",
    ]
    return ask(questions, "The past is {1}.", PAST)


def comparatives(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What is the comparative of {0}?",
        "More than just {0} is what?",
        "Name the comparative of {0}.",
        "Which word says more than {0}?",
    ]
    return ask(questions, "The word is {1}.", COMPARATIVES)


def colors(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What color is {0}?",
        "Name the color of {0}.",
        "Which color does {0} have?",
        "What is the color of {0}?",
    ]
    return ask(questions, "It is {1}.", COLORS_OF)


def animal_sounds(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What does {0} say?",
        "Which sound does {0} make?",
        "Name the sound of {0}.",
        "How does {0} sound?",
        "What sound comes from {0}?",
    ]
    return ask(questions, "It says {1}.", [(a(animal), sound) for animal, sound in SOUNDS])


def animal_young(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What is a young {0} called?",
        "Name the young of {3}.",
        "What do you call a baby {0}?",
        "A baby {0} has which name?",
        "What is the young of {3}?",
    ]
    return ask(
        questions,
        "It is called {2}.",
        [(adult, young, a(young), a(adult)) for adult, young in YOUNG],
    )


def legs(rng: random.Random) -> Iterator[Task]:
    questions = [
        "How many legs does {0} have?",
        "Count the legs of {0}.",
        "What is the number of legs of {0}?",
        "How many legs are on {0}?",
    ]
    return ask(
        questions, "It has {1} legs.", [(a(animal), LEGS.get(animal, 4)) for animal in ANIMALS]
    )


def categories(rng: random.Random) -> Iterator[Task]:
    questions = [
        "What kind of word is {0}?",
        "Is {0} an animal, a food, a thing, a color or a body part?",
    ]
    for name, words in KINDS.items():
        yield from ask(questions, "It is {1}.", [(word, a(name)) for word in words])


def yes_no(rng: random.Random) -> Iterator[Task]:
    questions = ["Is {0} {1}?", "Is it true that {0} is {1}?", "Yes or no: {0} is {1}."]
    for thing, true, false in TRUTHS:
        yield from ask(questions, "{2}", [(thing, true, "Yes"), (thing, false, "No")])


def days(rng: random.Random) -> Iterator[Task]:
    return _calendar("day", DAYS)


def months(rng: random.Random) -> Iterator[Task]:
    return _calendar("month", MONTHS)


def _calendar(unit: str, names: tuple[str, ...]) -> Iterator[Task]:
    questions = [
        f"What {unit} comes {{0}} {{1}}?",
        f"Which {unit} is right {{0}} {{1}}?",
        f"Name the {unit} {{0}} {{1}}.",
        f"What is the {unit} {{0}} {{1}}?",
    ]
    around = list(zip(names, names[1:] + names[:1], strict=True))
    rows = [("after", left, right) for left, right in around] + [
        ("before", right, left) for left, right in around
    ]
    return ask(questions, "{2}", rows)
