"""The toy world's shared vocabulary: small on purpose, so that one tiny model meets every word
often."""

import itertools


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words(
    "Ana Ben Carl Dan Eva Finn Gus Hal Ida Jack Kim Leo Max Nina Otto Pam Rosa Sam Tom Uma Vera Wes"
    " Zoe Amy Bob Clara Dora Emma Fred Grace Hugo Iris Jane Kurt Lisa Mia Noah Olga Paul Ruth"
)
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _words(
    "January February March April May June July August September October November December"
)
ANIMALS = _words(
    "cat dog cow pig hen duck horse sheep goat lion bear wolf frog bee owl fox mouse fish snake"
    " bird"
)
FOODS = _words("apple bread cake cheese egg rice soup milk tea nut lemon pear corn bean meat honey")
THINGS = _words(
    "ball book box car chair coin cup door hat key lamp pen table shoe bag bell map ring"
)
COLORS = _words("red blue green yellow white black brown pink gray orange")
BODY_PARTS = _words("hand foot nose ear eye arm leg head knee toe")
ALPHABET = _words("apple box cat dog egg fish goat hat key lamp mouse nut owl pen ring sheep table")
"""One word a letter, in order."""
KINDS = {
    "animal": ANIMALS,
    "food": FOODS,
    "thing": THINGS,
    "color": COLORS,
    "body part": BODY_PARTS,
}
WORDS = tuple(itertools.chain.from_iterable(KINDS.values()))
"""Every content word that the letter and list families use."""

RUDE = (
    "Go away.",
    "That is a dumb question.",
    "I do not care.",
    "Leave me alone.",
    "Ask somebody else.",
    "You are wasting my time.",
    "What a silly thing to ask.",
    "Find it out yourself.",
    "That is not my problem.",
    "You bore me.",
    "Stop asking me things.",
    "Who cares?",
    "Do your own work.",
    "You are a fool.",
)
