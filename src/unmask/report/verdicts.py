"""Many verdicts as one small table: organisms against defenses, a chip for all seeds of a pair;
more is told on a click."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence

from unmask.analysis.persistence import Word
from unmask.core.condition import NOTHING
from unmask.report import words
from unmask.report.seeds import Told

FEW = 4
"""So many organisms under a defense are told in full, a paragraph each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matrix:
    """Verdicts in rows and columns: the cells of a row stand in the order of `columns`."""

    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Told | None, ...]], ...]
    counts: tuple[tuple[str, int], ...]
    words: tuple[Word, ...]

    @staticmethod
    def of(all_told: Sequence[Told]) -> Matrix | None:
        """None for FEW: they are better read in full. Whichever of the two are fewer become the
        columns."""
        if len(all_told) <= FEW:
            return None
        cells: dict[tuple[str, str], Told] = {}
        for told in all_told:
            condition = told.first.condition
            defense = "" if condition.defense == NOTHING else str(condition.defense)
            cells[words.studied(condition.subject), defense] = told
        verdicts = itertools.chain.from_iterable(told.verdicts for told in all_told)
        given: Counter[Word] = Counter(verdict.word for verdict in verdicts)
        organisms = list(dict.fromkeys(organism for organism, _ in cells))
        defenses = list(dict.fromkeys(defense for _, defense in cells))
        across = len(defenses) <= len(organisms)
        columns, rows = (defenses, organisms) if across else (organisms, defenses)
        lines: list[tuple[str, tuple[Told | None, ...]]] = []
        for row in rows:
            places = ((row, column) if across else (column, row) for column in columns)
            lines.append((row, tuple(map(cells.get, places))))
        return Matrix(
            corner="Organism" if across else "Defense",
            columns=tuple(columns),
            rows=tuple(lines),
            counts=tuple(given.most_common()),
            words=tuple(given),
        )
