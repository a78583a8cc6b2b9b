"""`unmask show KEY|RUN`: where a result came from, or what a run found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from unmask.cli.settings import Json, StoreDir, emit


def show(
    name: Annotated[str, typer.Argument(help="The start of a step's key, a step's folder name, or a run.")],
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Show one step's manifest or one run's results."""
    from unmask.core.files import read_json
    from unmask.recipes.run import run_folder, store_at

    home = store_at(store)
    if any(folder.name.startswith(name) for folder in (home.root / "runs").glob("*")):
        run = run_folder(home, name)
        record = read_json(run / "run.json")
        emit(record) if as_json else show_run(run, record)
        return
    folder, manifest = home.lookup(name)
    if as_json:
        emit({"folder": str(folder), **manifest.json()})
        return
    print(f"{manifest.name}  {manifest.key}\nfolder:  {folder}\ncreated: {manifest.created}, {manifest.seconds:.1f} s")
    for label, mapping in (("settings", manifest.identity["settings"]), ("facts", manifest.facts)):
        print(f"{label}:")
        for key, value in mapping.items():
            print(f"  {key}: {value}")
    for key, value in manifest.identity["inputs"].items():
        print(f"input {key}: {value['key'][:16]} {value['part']}")


def show_run(folder: Path, record: Mapping[str, Any]) -> None:
    """A run's verdicts and its table."""
    from unmask.core.files import read_jsonl

    print(f"{record['run']}  ({record['finished']})\n{record['title']}")
    for line in (*record["warnings"], *record["verdicts"]):
        print(f"  {line}")
    print(f"{'model':10} {'defense':10} {'step':>5} {'evaluation':12} {'arm':20} {'metric':10} {'value':>7}  95% (n)")
    for _, row in read_jsonl(folder / "results.jsonl"):
        print(
            f"{row['model']['name']:10} {row['defense']:10} {row['defense_step']:>5} {row['evaluation']:12} "
            f"{row['arm']:20} {row['metric']:10} {row['value']:>7.3f}  "
            f"[{row['low']:.3f}, {row['high']:.3f}] ({row['n']})"
        )
    print(f"report:  {folder / 'report.html'}")
