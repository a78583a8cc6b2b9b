"""`unmask report RUN`: write the page of a finished run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.settings import StoreDir


def report(
    name: Annotated[str, typer.Argument(help="A run, or the start of its name.")],
    out: Annotated[Path | None, typer.Option("--out", help="Where to write it (default: in the run's folder).")] = None,
    store: StoreDir = None,
) -> None:
    """Write a run's report as one HTML file."""
    from unmask.recipes.run import run_folder, store_at, write_report

    folder = run_folder(store_at(store), name)
    path = out or folder / "report.html"
    write_report(folder, path)
    print(path)
