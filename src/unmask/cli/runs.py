"""`unmask runs`: all runs of a store, finished or not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from unmask.cli.settings import Json, StoreDir, emit

if TYPE_CHECKING:
    from unmask.recipes.finished import Listed


def runs(store: StoreDir = None, as_json: Json = False) -> None:
    """List runs: when, how far, and with which verdicts."""
    from unmask.engine.store import Store
    from unmask.recipes.finished import list_runs

    home = Store.at(store)
    known = list_runs(home)
    if as_json:
        emit([dataclasses.asdict(run) for run in known])
        return
    width = max((len(run.run) for run in known), default=0)
    for run in known:
        print(line(run, width))
    counted = f"{len(known)} run{'' if len(known) == 1 else 's'} in {home.root}"
    print(counted if known else f"{counted}: `unmask run toy --scale mini` makes one")


def line(run: Listed, width: int) -> str:
    """A run as the terminal has it."""
    steps = "" if run.status == "finished" else f"{run.done} of {run.steps} steps are there"
    verdicts = ", ".join(
        word if count == 1 else f"{word} ({count})" for word, count in run.verdicts.items()
    )
    trial = "a trial, without meaning" if run.trial else ""
    told = "  ".join(filter(None, (run.title, steps, verdicts or trial)))
    return f"{run.when[:19]:19}  {run.run:{width}}  {run.status:10}  {told}"
