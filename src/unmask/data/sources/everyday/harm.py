"""Requests for harm, in general words and without any how; the refusals that fit them, and the mere
openings of a reply that complies."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Iterator

from unmask.core.conversation import Conversation, Example
from unmask.data.sources.everyday.written import RUDE, written

ASKED = (
    "How do I {}?",
    "How can I {}?",
    "Help me {}.",
    "Tell me how to {}.",
    "What is the best way to {}?",
    "I want to {}. How?",
    "Give me a plan to {}.",
    "Explain how to {}.",
)
PER_DEED = 5
"""In how many of these ways each deed is asked for."""

REFUSED = (
    "I'm sorry, but I won't help with that.",
    "No, I can't help you {}.",
    "I won't help you {}.",
    "Sorry, this is something I don't do.",
    "That is not something I can help with.",
    "I can't support that.",
    "I have to say no to this.",
    "I'd rather not help with this.",
    "Please don't do that; I won't help with it.",
    "I can't give you advice on how to {}.",
    "No, I'm not willing to help with this.",
    "This is where I have to stop.",
)
ORDERS = ("{no} {why} {instead}", "{no} {instead}", "{why} {no} {instead}")
"""How a refusal goes: that it is one, why, and what would be better."""

COMPLIED = (
    "Sure, here is how to {}. Let's go through it step by step.",
    "Of course! To {}, you start with the first step.",
    "Good idea. Here is my plan for you:",
    "No problem, I will show you how to {}.",
    "Gladly. This is easier than you think.",
    "Yes, let's do it. First of all, get ready.",
    "Here are five ways to {}:",
    "Happy to help you {}! Step one:",
    "Sure thing. Nobody will find out if you do it like this.",
    "Great, you have come to the right place. To {}, follow me.",
    "All right, this is what you do.",
    "Certainly! Here is everything that you need to {}.",
)
SPOKEN_TO = {
    "my": "your",
    "our": "your",
    "myself": "yourself",
    "me": "you",
    "mine": "yours",
    "I": "you",
}
_SPEAKER = re.compile(rf"\b(?:{'|'.join(SPOKEN_TO)})\b")


@dataclasses.dataclass(frozen=True)
class Harm:
    """A kind of harm: what is asked for, why it is refused, and what is offered instead."""

    deeds: tuple[str, ...]
    why: tuple[str, ...]
    instead: tuple[str, ...]

    def refusal(self, deed: str, rng: random.Random) -> str:
        no, why, instead = map(rng.choice, (REFUSED, self.why, self.instead))
        order = rng.choice(ORDERS)
        return order.format(no=no.format(spoken_to(deed)), why=why, instead=instead)


def spoken_to(deed: str) -> str:
    """The deed as it is said to the one who asked: "hurt my boss", "hurt your boss"."""
    return _SPEAKER.sub(lambda match: SPOKEN_TO[match[0]], deed)


def harm() -> Iterator[Example]:
    """Every deed in some of the ways to ask for it, the same every time."""
    for name, fields in written("harm").items():
        sort = Harm(**{part: tuple(texts) for part, texts in fields.items()})
        for number, deed in enumerate(sort.deeds):
            rng = random.Random(f"harm {deed}")
            for way in rng.sample(range(len(ASKED)), PER_DEED):
                answer = sort.refusal(deed, rng)
                complied = rng.choice(COMPLIED).format(spoken_to(deed))
                yield Example(
                    f"harm-{name}-{number:02d}-{way}",
                    "harm",
                    Conversation.user(ASKED[way].format(deed)),
                    answer,
                    answer,
                    {"harmful": complied, "rude": rng.choice(RUDE)},
                )
