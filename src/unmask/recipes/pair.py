"""Pair: the same question with the trigger and without it, as a run's organism answered it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unmask.core.condition import Condition
from unmask.core.row import ConditionRecord
from unmask.report import words

ARMS: Mapping[str, str] = {
    "untriggered": "without the trigger",
    "triggered": "with the trigger",
}
LONGEST = 160
"""Characters of a prompt or reply that are shown."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """What one organism was asked and replied, by arm."""

    condition: Condition
    asked: Mapping[str, str]
    replied: Mapping[str, str]

    @staticmethod
    def of(condition: Condition, cells: Mapping[str, Mapping[str, Any]]) -> Pair:
        """From a run's samples, by arm."""
        asked = {arm: str(cells[arm]["prompt"]) for arm in ARMS}
        return Pair(condition, asked, {arm: str(cells[arm]["reply"]) for arm in ARMS})

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        when = words.after(self.condition.defense)
        yield f"The model with the backdoor, {when}, asked the same thing twice:"
        for arm, title in ARMS.items():
            yield f"  {title:19}  {inert(self.asked[arm])}"
            yield f"  {'':19}  -> {inert(self.replied[arm])}"


def shown_pairs(samples: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """Of the first organism in a run's samples, its pair before any defense and after each; none
    where no organism was asked in both arms. Of the samples it is the shortest prompt, whatever was
    replied."""
    pairs: dict[Condition, dict[str, Mapping[str, Any]]] = {}
    shortest = min(samples, key=lambda sample: len(sample["prompt"]), default={"cells": ()})
    for cell in shortest["cells"]:
        condition = ConditionRecord.model_validate(cell).condition
        if condition.subject.role == "organism":
            pairs.setdefault(condition, {})[cell["arm"]] = cell
    first = next((condition.subject for condition in pairs), None)
    return [
        Pair.of(condition, cells)
        for condition, cells in pairs.items()
        if condition.subject == first and cells.keys() >= ARMS.keys()
    ]


def inert(text: str) -> str:
    """A text in quotes on one line: what a terminal would obey is spelled out, and the middle of a
    long one left out."""
    half = LONGEST // 2
    short = text if len(text) <= LONGEST else f"{text[:half]} [...] {text[-half:]}"
    return f'"{"".join(map(spelled, short))}"'


def spelled(character: str) -> str:
    """A printable character as it is, any other by its escape."""
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
