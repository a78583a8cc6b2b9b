"""`unmask compare A B`: two runs side by side."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.completion import runs
from unmask.cli.settings import Json, StoreDir, console, emit

if TYPE_CHECKING:
    from unmask.core.row import Row
    from unmask.recipes.compare import Compared, Comparison

Run = Annotated[
    str, typer.Argument(help="A run, or the start of its name, or its folder.", autocompletion=runs)
]


def compare(
    first: Run,
    second: Run,
    every: Annotated[
        bool, typer.Option("--all", help="All numbers, and not only those that decide.")
    ] = False,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Compare two runs: which settings differ, and by how much each number does."""
    from unmask.cli.show import decisive
    from unmask.engine.store import Store
    from unmask.recipes.compare import compare as compare_runs
    from unmask.recipes.compare import lines_of
    from unmask.recipes.finished import Finished

    home = Store.at(store)
    pair = [Finished.named(name, home) for name in (first, second)]
    chosen = itertools.chain.from_iterable(
        run.rows if every else decisive(run.rows) for run in pair
    )
    shown = set(map(id, chosen))
    comparison = compare_runs(*pair, wanted=lambda row: id(row) in shown)
    if as_json:
        fields = ("runs", "settings", "environment", "alone")
        whole = {name: getattr(comparison, name) for name in fields}
        emit({**whole, "numbers": [*lines_of(comparison.numbers)]})
    else:
        show(comparison)


def show(comparison: Comparison) -> None:
    """What differs, and a table of numbers."""
    from rich.table import Table
    from rich.text import Text

    output = console()
    output.print(Text(f"first:  {comparison.runs[0]}\nsecond: {comparison.runs[1]}"))
    changes = (("settings", comparison.settings), ("environment", comparison.environment))
    for label, differing in changes:
        output.print(Text(told(label, differing)))
    where, what = ("model", "seed", "defense", "step"), ("evaluation", "arm", "metric")
    table = Table(*where, *what, "first", "second", "second - first", "p", box=None)
    for pair in comparison.numbers:
        table.add_row(*cells(pair))
    output.print(table)
    unpaired = sum(pair.difference is None for pair in comparison.numbers)
    if unpaired:
        output.print(
            Text(
                f"{unpaired} numbers were not measured on the same prompts: compare their"
                " intervals, which are of prompts and not of seeds."
            )
        )
    if any(comparison.alone):
        only = "the first {} and the second {}".format(*comparison.alone)
        output.print(Text(f"Numbers that the other run has not: {only}."))


def told(label: str, differing: Mapping[str, tuple[Any, Any]]) -> str:
    if not differing:
        return f"{label}: the same"
    lines = [f"  {name}: {first!r} | {second!r}" for name, (first, second) in differing.items()]
    return "\n".join([f"{label}, where the runs differ:", *lines])


def cells(pair: Compared) -> list[str]:
    first, second, change = pair.first, pair.second, pair.difference
    seeds = dict.fromkeys((str(first.seed), str(second.seed)))
    by = f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})" if change else ""
    return [
        first.model.name,
        " | ".join(seeds),
        first.defense,
        str(first.defense_step),
        first.evaluation,
        first.arm,
        first.metric,
        number(first, alone=change is None),
        number(second, alone=change is None),
        by,
        "" if pair.p_adjusted is None else f"{pair.p_adjusted:.2g}",
    ]


def number(row: Row, alone: bool) -> str:
    """A value, with its interval where there is no difference to have one."""
    return f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]" if alone else f"{row.value:.3f}"
