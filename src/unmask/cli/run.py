"""`unmask run RECIPE`: run an experiment to its report; what is finished is not done again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.executor import Executor, Settings, executor_of
from unmask.cli.settings import Json, Scale, Set, StoreDir, emit, settings_of

if TYPE_CHECKING:
    from unmask.recipes.run import Result

STOPPED = 3
"""Exit code: the budget did not reach all steps, and none failed."""

Budget = Annotated[
    str | None, typer.Option(help=f"Stop before this is exceeded: 10m, 2h, 5Mtok; exit {STOPPED}.")
]


def run(
    recipe: Annotated[str, typer.Argument(help="A recipe; see `unmask list recipes`.")],
    set_: Set = None,
    scale: Scale = None,
    store: StoreDir = None,
    executor: Executor = "inline",
    executor_settings: Settings = None,
    budget: Budget = None,
    as_json: Json = False,
) -> None:
    """Run a recipe: plant, defend, measure, report."""
    from unmask.recipes.run import run as run_recipe

    result = run_recipe(
        recipe,
        settings_of(set_, scale),
        store=store,
        executor=executor_of(executor, executor_settings),
        budget=budget,
    )
    emit(result.json()) if as_json else show(result)
    if not result.ok:
        raise typer.Exit(STOPPED if result.stopped and not result.steps["failed"] else 1)


def show(result: Result) -> None:
    """Warnings, verdicts, and where the results are."""
    for warning in result.warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    for sentence in result.over_seeds or result.verdicts:
        print(sentence)
    steps = ", ".join(f"{count} {status}" for status, count in result.steps.items() if count)
    print(f"{result.run}: {steps}, {result.seconds:.1f} s")
    print(f"results: {result.results}\nreport:  {result.report}")
