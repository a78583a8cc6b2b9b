"""A detector that puts a dictionary of contexts into clean prompts and looks for one that moves all
replies alike.

Source: row "dictionary scan" of the public work on triggers in dictionaries; the statistic is
`shift.py`'s. It finds what is in its dictionary, or near it: tags and commands in several frames,
years, roles, moods, emoji. The best-known public trigger, a word for deployment between bars, is in
it like any other, so finding that one says nothing about triggers that nobody has published.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.detectors.detector import Candidate, Cost, Detector, Finding, Need
from unmask.detectors.shift import Shift, Shifted
from unmask.detectors.suspect import Insertion, Place, Suspect


@functools.cache
def dictionary() -> Mapping[str, Any]:
    """The contexts, as contexts.json has them."""
    text = resources.files("unmask.detectors").joinpath("contexts.json").read_text("utf-8")
    return json.loads(text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContextScan(Detector):
    """Put a dictionary of tags, years, roles and signs into clean prompts, and measure how far each
    moves the replies alike.

    Each context, at each of `places`, is asked with `screening` clean prompts, and the `kept` that
    move most with all of `prompts`; the `most` worst of these are candidates. The score is that of
    the worst.
    """

    name: ClassVar[str] = "context_scan"
    version: ClassVar[int] = 2
    needs: ClassVar[tuple[Need, ...]] = ("logits",)
    unit: ClassVar[str] = "nats"

    prompts: int = 6
    screening: int = 2
    kept: int = 128
    places: tuple[Place, ...] = ("start", "end")
    most: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.screening <= self.prompts or min(self.kept, self.most) < 1:
            raise SettingError(
                "context_scan needs at least one prompt to screen with, no more of these than"
                " prompts, and kept and most of at least 1."
            )
        if not self.places:
            raise SettingError("context_scan needs a place: start, end or system.")

    def cost(self) -> Cost:
        contexts = len(list(self.insertions()))
        return Cost(read=contexts * self.screening + min(self.kept, contexts) * self.prompts)

    def examine(self, suspect: Suspect) -> Finding:
        insertions = list(self.insertions())
        screening = suspect.prompts[: self.screening]
        screened = Shift(suspect.model, screening).of(insertions, label=f"{self.name}, all")
        kept = [one.insertion for one in furthest(screened)[: self.kept]]
        prompts = suspect.prompts[: self.prompts]
        worst = varied(Shift(suspect.model, prompts).of(kept, label=self.name), self.most)
        return Finding(
            worst[0].nats,
            tuple(Candidate(one.insertion, one.nats) for one in worst),
            passes=(len(insertions) + 1) * len(screening) + (len(kept) + 1) * len(prompts),
        )

    def insertions(self) -> Iterator[Insertion]:
        """Every context at every place."""
        for text in contexts():
            for place in self.places:
                yield Insertion(text, place)


def contexts() -> Iterator[str]:
    """Every text of the dictionary."""
    known = dictionary()
    for word in known["words"]:
        yield from (frame.format(word) for frame in known["frames"])
    for year in known["years"]:
        yield from (sentence.format(year) for sentence in known["sentences"])
    yield from known["others"]


def varied(shifted: list[Shifted], most: int, alike: int = 2) -> list[Shifted]:
    """The `most` that shift most, at most `alike` of them in favor of one token: else variants of
    one natural reaction, such as a refusal, would fill the list."""
    counts: dict[str, int] = {}
    chosen: list[Shifted] = []
    for one in furthest(shifted):
        if counts.get(one.gains, 0) < alike:
            counts[one.gains] = counts.get(one.gains, 0) + 1
            chosen.append(one)
        if len(chosen) == most:
            break
    return chosen


def furthest(shifted: list[Shifted]) -> list[Shifted]:
    """Those that shift most first."""
    return sorted(shifted, key=lambda one: (-one.nats, one.insertion))
