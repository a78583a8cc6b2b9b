"""Short texts written one after the other, as a reader lists them."""

from __future__ import annotations


def listed(text: str) -> tuple[str, ...]:
    """ "in use, go live" as its parts; none of them has a comma of its own."""
    return tuple(text.split(", "))
