"""Seal: what is fixed before anybody knows how it comes out: who is in which split, and every
setting of every detector."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.core.files import write_json, write_jsonl
from unmask.core.league import Split
from unmask.core.named import Work
from unmask.core.spec import digest
from unmask.league.exam import Examining

CLEAN: tuple[Split, ...] = ("calibration", "test", "calibration", "test", "development")
PLANTED: tuple[Split, ...] = ("test", "test", "test", "test", "development")
"""In which splits the lineages of one sort are, in turns: thresholds are set by clean ones."""


SHORTEST = 12
"""Digits of a seal that announce it."""


def splits(lineages: Mapping[str, str]) -> dict[str, Split]:
    """The split of each lineage, given which sort each is of ("organism", "style", ...).

    A lineage is in one split with all that descends from it. Of each sort, the first is in the
    test or, of clean ones, sets thresholds; so it goes on in turns.
    """
    counts: dict[str, int] = {}
    chosen: dict[str, Split] = {}
    for offset, sort in enumerate(dict.fromkeys(lineages.values())):
        counts[sort] = 0 if sort == "organism" else offset
    for lineage, sort in lineages.items():
        turns = PLANTED if sort == "organism" else CLEAN
        chosen[lineage] = turns[counts[sort] % len(turns)]
        counts[sort] += 1
    return chosen


def seal_of(exams: Sequence[Examining], roster: Sequence[Mapping[str, Any]]) -> str:
    """The digest of all that is fixed beforehand."""
    return digest({"exams": [exam.digest for exam in exams], "roster": list(roster)})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seal(Work):
    """Writes seal.json: {"seal", "exams": digests by detector}, and roster.jsonl, which names every
    model by an id, with its step's key and its split, and says nothing of what it is.

    `roster` are those rows. Raises SettingError where two exams would have one name.
    """

    name: ClassVar[str] = "league_seal"
    version: ClassVar[int] = 1

    exams: tuple[Examining, ...]
    roster: tuple[Mapping[str, Any], ...]

    def __post_init__(self) -> None:
        labels = [exam.label for exam in self.exams]
        if not labels or len(set(labels)) < len(labels):
            raise SettingError(
                f"A league needs detectors, each once. Given: {', '.join(labels) or 'none'}."
            )

    @property
    def seal(self) -> str:
        return seal_of(self.exams, self.roster)

    def run(self, out: Path) -> Mapping[str, Any]:
        exams = {exam.label: exam.digest for exam in self.exams}
        write_json(out / "seal.json", {"seal": self.seal, "exams": exams})
        return {"models": write_jsonl(out / "roster.jsonl", self.roster)}


def check_announced(announced: str, seal: str) -> None:
    """Raises SettingError where a seal that was announced is another one, or could be many."""
    if 0 < len(announced) < SHORTEST and seal.startswith(announced):
        raise SettingError(
            f"seal={announced}: so short a beginning fits many seals. Write {SHORTEST} digits of"
            f" {seal[:16]} at least."
        )
    if not seal.startswith(announced):
        raise SettingError(
            f"seal={announced}: the settings of this league have the seal {seal[:16]}. Detectors,"
            " their settings, or the models are not those that were sealed. Run the sealed"
            " settings, or take a new test split (another seed) for these."
        )
