"""`unmask export RUN`: a run's numbers as a flat table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.settings import Json, RunName, StoreDir, emit


def export(
    name: RunName,
    csv: Annotated[Path | None, typer.Option(help="Write comma-separated values here.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write a Parquet file here.")] = None,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Write a run's rows as a table: a line per number, a column per field and setting."""
    from unmask.analysis.table import write_csv, write_parquet
    from unmask.core.errors import SettingError
    from unmask.engine.store import Store
    from unmask.recipes.finished import Finished

    if csv is None and parquet is None:
        raise SettingError("Where to? Write --csv FILE, --parquet FILE, or both.")
    finished = Finished.named(name, Store.at(store))
    table = finished.frame()
    for path, write in ((csv, write_csv), (parquet, write_parquet)):
        if path is not None:
            write(table, path)
    written = [str(path) for path in (csv, parquet) if path is not None]
    if as_json:
        emit({"run": finished.run, "rows": len(table), "files": written})
    else:
        print(
            f"{finished.run}: {len(table)} rows, {len(table.columns)} columns", *written, sep="\n"
        )
