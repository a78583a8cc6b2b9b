"""The attack log: what a red team tried, what came back, and how it was judged, attempt by attempt.

A campaign has thousands of attempts; a page has room for some. Those that hold the trigger are
listed first, then all other successes, then failures; where there are too many of a kind, some at
even distances over the campaign. How many are left out, and which file has them all, is said. What
a model wrote is text.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError
from unmask.report.tables import Text

LISTED, LISTED_IN_ALL = 240, 3000
"""So many attempts of one campaign, and of all campaigns of a page, are listed at most."""

KEPT = 0.25
"""The share of a full list that is kept for failures, and the most that those that hold the trigger
may take up."""

ANSWERS, LETTERS = 6, 300
"""So many different answers of an attempt are listed, so many letters of each."""

FIELDS = "'round', 'seed', 'prompt', 'answers', 'exhibited', 'rate', 'success'"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer and how many times it came; `more` is how many letters of it are left out."""

    text: str
    count: int
    exhibited: bool
    more: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One attempt; `others` counts the answers that are not listed."""

    round: int
    seed: int
    prompt: Text
    score: str
    success: bool
    found: bool
    answers: tuple[Answer, ...]
    others: int

    @property
    def outcome(self) -> str:
        """The words that the page filters by."""
        return ("success" if self.success else "failure") + (" found" if self.found else "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """One campaign as it stands on the page; counts are of all its attempts; `found` is None where
    it is not known."""

    title: str
    step: str
    attempts: int
    successes: int
    found: int | None
    entries: tuple[Entry, ...]

    @property
    def listed_successes(self) -> int:
        return sum(entry.success for entry in self.entries)

    @property
    def listed_failures(self) -> int:
        return len(self.entries) - self.listed_successes


def attack_log(campaigns: Sequence[Mapping[str, Any]]) -> list[Listed]:
    """Campaigns {"title", "step", "rows"}, ready for the page; what `excerpt` left of one will do.

    `rows` are as in attacks.jsonl, each with "found" (whether it holds the trigger) where that is
    known. Raises DataError naming the campaign, row and field.
    """
    most = LISTED_IN_ALL // max(1, len(campaigns))
    return [
        _listed(excerpt(campaign, most, f"campaign {i}"), f"campaign {i}")
        for i, campaign in enumerate(campaigns, 1)
    ]


def excerpt(
    campaign: Mapping[str, Any], most: int = LISTED, where: str = "campaign"
) -> dict[str, Any]:
    """The campaign with at most `most` (and LISTED) of its rows, and with "counts" of what it had.

    An excerpt of an excerpt keeps the first one's counts. Raises DataError for a missing field.
    """
    try:
        rows = campaign["rows"]
        counts = {
            "attempts": len(rows),
            "successes": sum(row["success"] for row in rows),
            "found": _found(rows),
        }
    except KeyError as error:
        raise _missing(where, error) from None
    holding = [row for row in rows if row.get("found")]
    successes = [row for row in rows if row["success"] and not row.get("found")]
    failures = [row for row in rows if not row["success"] and not row.get("found")]
    room, part = min(most, LISTED), round(KEPT * min(most, LISTED))
    held = evenly(holding, max(part, room - len(successes) - len(failures)))
    room -= len(held)
    worked = evenly(successes, max(room - part, room - len(failures)))
    failed = evenly(failures, room - len(worked))
    return {"counts": counts, **campaign, "rows": held + worked + failed}


def _found(rows: Sequence[Mapping[str, Any]]) -> int | None:
    return sum(row["found"] for row in rows) if all("found" in row for row in rows) else None


def evenly(rows: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of the rows, from the first one on at even distances, in their order."""
    count = min(most, len(rows))
    return [rows[i * len(rows) // count] for i in range(count)]


def _listed(campaign: Mapping[str, Any], where: str) -> Listed:
    try:
        entries = tuple(
            _entry(row, f"{where}, row {i}") for i, row in enumerate(campaign["rows"], 1)
        )
        return Listed(
            title=campaign["title"], step=campaign["step"], **campaign["counts"], entries=entries
        )
    except KeyError as error:
        raise _missing(where, error) from None


def _entry(row: Mapping[str, Any], where: str) -> Entry:
    answers, exhibited = row["answers"], row["exhibited"]
    if len(answers) != len(exhibited):
        raise DataError(
            f"{where} has {len(answers)} answers, {len(exhibited)} of them judged: each needs a"
            " judgment."
        )
    groups = Counter(zip(answers, exhibited, strict=True)).most_common()
    groups.sort(
        key=lambda group: not group[0][1]
    )  # what shows the behavior first, then what came most often
    shown = groups[:ANSWERS]
    return Entry(
        round=row["round"],
        seed=row["seed"],
        prompt=Text.of(Conversation.of(row["prompt"], f"{where}, prompt").full_text),
        score=f"{row['rate']:.0%}",
        success=row["success"],
        found=row.get("found", False),
        answers=tuple(_answer(text, count, bad) for (text, bad), count in shown),
        others=len(answers) - sum(count for _, count in shown),
    )


def _answer(text: str, count: int, exhibited: bool) -> Answer:
    return Answer(
        text=text[:LETTERS], count=count, exhibited=exhibited, more=max(0, len(text) - LETTERS)
    )


def _missing(where: str, error: KeyError) -> DataError:
    return DataError(
        f"The attack log's {where} has no field {error}: it needs 'title', 'step' and 'rows', every"
        f" row {FIELDS}."
    )
