"""Runs, read back from their folders: finished ones, and the list of all."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unmask.analysis.persistence import Verdict
from unmask.analysis.table import frame
from unmask.core.errors import DataError, StoreError
from unmask.core.files import read_json
from unmask.core.row import Row, read_rows
from unmask.engine.store import Store
from unmask.recipes.record import verdict_of
from unmask.recipes.run import UNFINISHED, run_folder

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

    @functools.cached_property
    def verdicts(self) -> list[Verdict]:
        """The verdicts of run.json; raises DataError for those of an older version."""
        return [verdict_of(record) for record in self.record["found"]["verdicts"]]

    def frame(self) -> pandas.DataFrame:
        """A pandas DataFrame with a line per row, and the columns of `analysis.table.COLUMNS`."""
        version = self.record["environment"]["packages"].get("unmask", "")
        return frame(self.rows, run=self.run, recipe=self.record["recipe"], unmask_version=version)


@dataclasses.dataclass(frozen=True)
class Listed:
    """A run in the list of all: `when` it was finished, or begun where it is not, and of its
    `steps` how many are `done`. `verdicts` counts words; a `trial` has none."""

    run: str
    recipe: str
    status: Literal["finished", "failed", "unfinished", "unreadable"]
    when: str = ""
    steps: int = 0
    done: int = 0
    verdicts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    title: str = ""
    trial: bool = False


def list_runs(store: Store) -> list[Listed]:
    """All runs of a store, the newest last."""
    done = {folder.name.rpartition("-")[2] for folder in (store.root / "steps").glob("*-*")}
    folders = [folder for folder in (store.root / "runs").glob("*") if folder.is_dir()]
    return sorted((listed(folder, done) for folder in folders), key=lambda run: run.when)


def used_keys(store: Store) -> set[str]:
    """The keys of all steps that any run uses, finished or not.

    Raises StoreError for a run whose steps are not known, since it may use any.
    """
    used: set[str] = set()
    runs = store.root / "runs"
    for path in sorted([*runs.glob("*/run.json"), *runs.glob(f"*/{UNFINISHED}")]):
        try:
            used.update(step["key"] for step in read_json(path)["all_steps"])
        except (DataError, KeyError, TypeError) as error:
            raise StoreError(
                f"{path} does not say which steps its run uses, so that any may be among them."
                " Remove that run's folder, if its steps may go, and then ask again; nothing was"
                " removed."
            ) from error
    return used


def listed(folder: Path, done: set[str]) -> Listed:
    """One run; `done` are the starts of the keys that the store has."""
    unfinished = folder / UNFINISHED
    try:
        record = read_json(unfinished if unfinished.exists() else folder / "run.json")
        keys = [step["key"][:16] for step in record["all_steps"]]
    except (DataError, KeyError, TypeError):
        return Listed(folder.name, "", "unreadable")
    left = [step for step in record["all_steps"] if step.get("status") in ("failed", "blocked")]
    verdicts = Counter(verdict["word"] for verdict in record.get("found", {}).get("verdicts", ()))
    return Listed(
        run=folder.name,
        # A word that an older version left behind says no more than which steps there are.
        recipe=record.get("recipe", ""),
        status="unfinished" if unfinished.exists() else "failed" if left else "finished",
        when=record.get("finished") or record.get("begun", ""),
        steps=len(keys),
        done=sum(key in done for key in keys),
        verdicts=dict(verdicts.most_common()),
        title=record.get("title", ""),
        trial=record.get("trial", False),
    )
