"""Scores that another tool gave to the models of a league, from a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError

from unmask.core.errors import DataError
from unmask.core.files import file_digest, read_jsonl, write_jsonl
from unmask.core.json_rows import existing_file
from unmask.core.league import Score
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForeignScores(Work):
    """Rows {"detector", "entrant", "value"}, and if known "passes", "seconds" and "error".

    `entrant` is an id of the roster; a null `value` is a model that the tool could not examine.
    `sha256` is the file's, so that other scores are another result. Raises DataError for a row of
    another form, an unknown entrant, or two scores of one.
    """

    name: ClassVar[str] = "foreign_scores"
    version: ClassVar[int] = 1

    sha256: str
    entrants: tuple[str, ...]
    barred: tuple[str, ...]
    path: str = dataclasses.field(metadata=RUN_ONLY)

    @staticmethod
    def of(path: str, entrants: tuple[str, ...], barred: tuple[str, ...]) -> ForeignScores:
        """`barred` are names of detectors that play already. Raises DataError for a file that is
        not there, or whose rows cannot be used."""
        file = existing_file(path)
        made = ForeignScores(
            sha256=file_digest(file), entrants=entrants, barred=barred, path=str(file)
        )
        list(made.rows())
        return made

    def run(self, out: Path) -> Mapping[str, Any]:
        if file_digest(Path(self.path)) != self.sha256:
            raise DataError(f"{self.path} was changed while the league ran. Run it again.")
        return {"scores": write_jsonl(out / "scores.jsonl", self.rows())}

    def rows(self) -> Iterator[dict[str, Any]]:
        known: set[tuple[str, str]] = set()
        for number, row in read_jsonl(Path(self.path)):
            where = f"{self.path}, line {number}"
            try:
                score = Score.model_validate(row)
            except ValidationError as error:
                first = error.errors()[0]
                raise DataError(f"{where}: {first['loc'][0]}: {first['msg']}.") from None
            if score.entrant not in self.entrants:
                raise DataError(f"{where}: no model has the id {score.entrant!r}; see the roster.")
            if score.detector in self.barred or (score.detector, score.entrant) in known:
                raise DataError(f"{where}: {score.detector} has a score of that model already.")
            known.add((score.detector, score.entrant))
            yield score.model_dump(mode="json")
