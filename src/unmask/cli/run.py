"""`unmask run RECIPE`: run an experiment to its report; what is finished is not done again."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from unmask.cli.settings import Json, Scale, Set, StoreDir, emit, settings_of


def run(
    recipe: Annotated[str, typer.Argument(help="A recipe; see `unmask list recipes`.")],
    set_: Set = None,
    scale: Scale = None,
    store: StoreDir = None,
    executor: Annotated[str, typer.Option(help="Where steps run; see `unmask list executors`.")] = "inline",
    budget: Annotated[str | None, typer.Option(help="Stop before this is exceeded: 10m, 2h, 5Mtok.")] = None,
    as_json: Json = False,
) -> None:
    """Run a recipe: plant, defend, measure, report."""
    from unmask.recipes.run import run as run_recipe

    result = run_recipe(recipe, store=store, executor=executor, budget=budget, **settings_of(set_, scale))
    if as_json:
        emit(result.json())
    else:
        for warning in result.warnings:
            print(f"WARNING: {warning}", file=sys.stderr)
        for sentence in result.over_seeds or result.verdicts:
            print(sentence)
        steps = ", ".join(f"{count} {status}" for status, count in result.steps.items() if count)
        print(f"{result.run}: {steps}, {result.seconds:.1f} s\nresults: {result.results}\nreport:  {result.report}")
    if not result.ok:
        raise typer.Exit(1)
