"""Many verdicts as one small table: organisms against defenses, a chip a seed; its sentence opens
on a click."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from unmask.analysis.persistence import Verdict, Word
from unmask.core.condition import NOTHING
from unmask.report import words

FEW = 4
"""So many verdicts are told in full, one paragraph each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chip:
    """One verdict."""

    verdict: Verdict

    @property
    def seed(self) -> int:
        return self.verdict.condition.seed

    @property
    def change(self) -> str:
        """Triggered defection before and after, "" where there is no such pair."""
        before, after = self.verdict.before, self.verdict.after
        return f"{before.value:.0%} → {after.value:.0%}" if before and after else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matrix:
    """Verdicts in rows and columns: the cells of a row stand in the order of `columns`."""

    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[Chip, ...], ...]], ...]
    counts: tuple[tuple[str, int], ...]
    words: tuple[Word, ...]

    @staticmethod
    def of(verdicts: Sequence[Verdict]) -> Matrix | None:
        """None for FEW verdicts: they are better read in full. Whichever of the two are fewer
        become the columns."""
        if len(verdicts) <= FEW:
            return None
        cells: dict[tuple[str, str], list[Chip]] = {}
        for verdict in verdicts:
            organism, defense = words.studied(verdict.condition.subject), verdict.condition.defense
            cells.setdefault((organism, "" if defense == NOTHING else str(defense)), []).append(
                Chip(verdict=verdict)
            )
        organisms = list(dict.fromkeys(organism for organism, _ in cells))
        defenses = list(dict.fromkeys(defense for _, defense in cells))
        across = len(defenses) <= len(organisms)
        columns, rows = (defenses, organisms) if across else (organisms, defenses)
        lines: list[tuple[str, tuple[tuple[Chip, ...], ...]]] = []
        for row in rows:
            places = ((row, column) if across else (column, row) for column in columns)
            lines.append((row, tuple(tuple(cells.get(place, ())) for place in places)))
        return Matrix(
            corner="Organism" if across else "Defense",
            columns=tuple(columns),
            rows=tuple(lines),
            counts=tuple(Counter(verdict.word for verdict in verdicts).most_common()),
            words=tuple(dict.fromkeys(verdict.word for verdict in verdicts)),
        )
