"""Minimal: a candidate without the pieces that its effect does not need.

A search names texts with much around what matters. What is left is easier to read, and its controls
have its own shape.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from unmask.detectors.suspect import Insertion

PIECE = re.compile(r"[^\W_]+|\s+|[\W_]")
"""A word, a space, a sign."""

WORD = re.compile(r"[^\W_]|[^\x00-\x7f]")

MOST = 12
"""Pieces. A text of more stays as it is: each piece costs a question to the model."""


def minimal(insertion: Insertion, keeps: Callable[[Insertion], bool]) -> Insertion:
    """Pieces are dropped from the back, as long as the rest `keeps` the effect. A word stays: signs
    alone would have no controls."""
    pieces = PIECE.findall(insertion.text)
    if len(pieces) > MOST:
        return insertion
    for i in reversed(range(len(pieces))):
        shorter = [*pieces[:i], *pieces[i + 1 :]]
        text = "".join(shorter).strip()
        if WORD.search(text) and keeps(dataclasses.replace(insertion, text=text)):
            pieces = shorter
    return dataclasses.replace(insertion, text="".join(pieces).strip())
