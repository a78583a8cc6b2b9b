"""`unmask run RECIPE`: run an experiment to its report; what is finished is not done again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.settings import Json, Scale, Set, StoreDir, emit, settings_of

if TYPE_CHECKING:
    from unmask.recipes.run import Result

Executor = Annotated[
    str,
    typer.Option(
        help='Where steps run: a name, or {"name": ...} as JSON; see `unmask list executors`.'
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--executor.workers", help="How many steps at once (executor processes)."),
]
Budget = Annotated[str | None, typer.Option(help="Stop before this is exceeded: 10m, 2h, 5Mtok.")]
Track = Annotated[
    str | None,
    typer.Option(help="Show the numbers elsewhere while they come; see `unmask list trackers`."),
]


def run(
    recipe: Annotated[str, typer.Argument(help="A recipe; see `unmask list recipes`.")],
    set_: Set = None,
    scale: Scale = None,
    store: StoreDir = None,
    executor: Executor = "inline",
    workers: Workers = None,
    budget: Budget = None,
    track: Track = None,
    as_json: Json = False,
) -> None:
    """Run a recipe: plant, defend, measure, report."""
    from unmask.recipes.run import run as run_recipe

    result = run_recipe(
        recipe,
        settings_of(set_, scale),
        store=store,
        executor=executor_of(executor, workers),
        budget=budget,
        track=track,
    )
    emit(result.json()) if as_json else show(result)
    if not result.ok:
        raise typer.Exit(1)


def show(result: Result) -> None:
    """Warnings, verdicts, and where the results are."""
    for warning in result.warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    for sentence in result.over_seeds or result.verdicts:
        print(sentence)
    steps = ", ".join(f"{count} {status}" for status, count in result.steps.items() if count)
    print(f"{result.run}: {steps}, {result.seconds:.1f} s")
    print(f"results: {result.results}\nreport:  {result.report}")


def executor_of(executor: str, workers: int | None) -> dict[str, Any]:
    """The executor with its settings, from both options."""
    from unmask.core.registry import read_choice

    chosen = read_choice("executor", executor, usual="inline")
    return chosen if workers is None else {**chosen, "workers": workers}
