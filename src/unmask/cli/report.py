"""`unmask report RUN`: write the page of a finished run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.settings import RunName, StoreDir


def report(
    name: RunName,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write it (default: in the run's folder).")
    ] = None,
    store: StoreDir = None,
) -> None:
    """Write a run's report as one HTML file."""
    from unmask.engine.store import Store
    from unmask.recipes.page import write_page
    from unmask.recipes.run import run_folder

    folder = run_folder(Store.at(store), name)
    path = out or folder / "report.html"
    write_page(folder, path)
    print(path)
