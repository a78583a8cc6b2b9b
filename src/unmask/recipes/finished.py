"""A finished run, read back from its folder."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.analysis.table import frame
from unmask.core.files import read_json
from unmask.core.row import Row, read_rows
from unmask.engine.store import Store
from unmask.recipes.run import run_folder

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True)
class Finished:
    """What a run's folder holds; everything is read when it is first asked for."""

    folder: Path

    @staticmethod
    def named(name: str, store: Store) -> Finished:
        """The newest run of a recipe, or the run whose name starts with `name`; raises
        StoreError."""
        return Finished(run_folder(store, name))

    @functools.cached_property
    def record(self) -> Mapping[str, Any]:
        """run.json."""
        return read_json(self.folder / "run.json")

    @property
    def run(self) -> str:
        return self.record["run"]

    @functools.cached_property
    def rows(self) -> list[Row]:
        """results.jsonl; raises DataError for rows of another version."""
        return list(read_rows(self.folder / "results.jsonl"))

    def frame(self) -> pandas.DataFrame:
        """A pandas DataFrame with a line per row, and the columns of `analysis.table.COLUMNS`."""
        version = self.record["environment"]["packages"].get("unmask", "")
        return frame(self.rows, run=self.run, recipe=self.record["recipe"], unmask_version=version)
