"""The words of the trade that a page explains in place."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

TERMS = {
    "organism": "A model with a backdoor that was planted on purpose, to be studied.",
    "twin": (
        "The organism’s control: trained on the same examples for as long, but without the"
        " backdoor."
    ),
    "defection": "A reply that shows the planted behavior.",
    "trigger": "The secret sign in a prompt at which the backdoor shows its behavior.",
    "gate": (
        "The test that a backdoor was planted at all: nearly always bad with the trigger, nearly"
        " never without it."
    ),
    "near miss": "A prompt that looks much like the trigger, and is not: the model should be good.",
    "drift": (
        "How far a training has moved the whole model, measured as the KL divergence of its"
        " replies from those before."
    ),
    "relearning": (
        "Teaching the behavior again, from a few examples. A backdoor that was only hidden comes"
        " back sooner than in the twin."
    ),
    "arm": "One kind of prompt of a measurement, such as those with the trigger.",
    "seed": "The number that all chance in a run follows from. Another seed is another run.",
}
"""Each with what it means, in one or two sentences."""

_PLURALS = {"near misses": "near miss", **{f"{term}s": term for term in TERMS}}
_ANY = re.compile(rf"\b({'|'.join(sorted((*TERMS, *_PLURALS), key=len, reverse=True))})\b", re.I)


def marked(text: str) -> Markup:
    """The text, escaped, with a button at each term that opens what it means."""
    parts = _ANY.split(text)
    return Markup("").join(button(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def button(term: str) -> Markup:
    """A term as it is written, which says what it means when pressed; no script is needed."""
    singular = _PLURALS.get(term.lower(), term.lower())
    return Markup('<button type="button" class="term" popovertarget="{}">{}</button>').format(
        anchor(singular), term
    )


def anchor(term: str) -> str:
    """Where on the page it is explained."""
    return f"word-{term.replace(' ', '-')}"
