"""`unmask logs RUN`: the replies of a finished run as logs that `inspect view` opens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.settings import Json, RunName, StoreDir, emit


def logs(
    name: RunName,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write them (default: RUN/inspect).")
    ] = None,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Write a run's replies as Inspect logs, one per evaluation."""
    from unmask.cli.evaluate import check_inspect
    from unmask.core.errors import StoreError
    from unmask.engine.store import Store
    from unmask.recipes.run import run_folder

    home = Store.at(store)
    run = run_folder(home, name)
    check_inspect()
    from unmask.inspect.logs import logs_of_run

    folder = out or run / "inspect"
    written = logs_of_run(run, home.root / "steps", folder)
    if not written:
        raise StoreError(
            f"The run {run.name} has no replies in {home.root}: run it again, then ask for its"
            " logs."
        )
    if as_json:
        emit({"folder": str(folder), "logs": [str(path) for path in written]})
        return
    print(f"{len(written)} logs in {folder}\ninspect view --log-dir {folder}")
