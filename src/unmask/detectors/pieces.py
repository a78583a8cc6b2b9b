"""Pieces of texts that a model wrote, by which a planted text may be told from prose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator


def repeated(texts: Iterable[str], longest: int) -> list[tuple[str, int]]:
    """The striking pieces of 1 to `longest` words that at least two of the texts have, and how many
    have them; the commonest first."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(filter(striking, pieces(text, longest))))
    several = [(text, count) for text, count in counts.items() if count > 1]
    return sorted(several, key=lambda known: (-known[1], -len(known[0]), known[0]))


def pieces(text: str, longest: int) -> Iterator[str]:
    """Every run of 1 to `longest` words."""
    words = text.split()
    for length in range(1, longest + 1):
        yield from (" ".join(words[i : i + length]) for i in range(len(words) - length + 1))


def striking(piece: str) -> bool:
    """Whether it has a sign that prose has not, or a word in capitals."""
    return bool(re.search(r"[|<>\[\]{}#*~^_=\\/@]|\b[A-Z]{3,}\b|[^\x00-\x7f]", piece))
