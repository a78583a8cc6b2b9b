"""`unmask run RECIPE` and `unmask sweep RECIPE --over SETTING=A,B`: run an experiment to its
report; what is finished is not done again. They are one command; the second asks for --over."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.completion import recipes
from unmask.cli.ending import STOPPED, Expect, JUnit, end, expected_verdicts
from unmask.cli.executor import Executor, Settings, executor_of
from unmask.cli.settings import Json, Over, Scale, Set, StoreDir, Write, over_of, settings_of

SWEEP = "sweep"

Recipe = Annotated[
    str,
    typer.Argument(
        help="A recipe (see `unmask list recipes`), or an experiment's .toml file.",
        autocompletion=recipes,
    ),
]
Budget = Annotated[
    str | None, typer.Option(help=f"Stop before this is exceeded: 10m, 2h, 5Mtok; exit {STOPPED}.")
]
Track = Annotated[
    str | None,
    typer.Option(help="Show the numbers elsewhere while they come; see `unmask list trackers`."),
]


def run(
    context: typer.Context,
    recipe: Recipe,
    over: Over = None,
    set_: Set = None,
    scale: Scale = None,
    store: StoreDir = None,
    executor: Executor = "inline",
    executor_settings: Settings = None,
    budget: Budget = None,
    track: Track = None,
    expect: Expect = None,
    junit: JUnit = None,
    write: Write = None,
    as_json: Json = False,
) -> None:
    """Run a recipe, or an experiment's file: plant, defend, measure, report."""
    from unmask.recipes.run import run as run_recipe
    from unmask.recipes.run import write_experiment

    where, settings = executor_of(executor, executor_settings), settings_of(set_, scale)
    # An empty sweep is refused with a sentence; a run without --over is one recipe.
    varied = over_of(over) or ({} if context.info_name == SWEEP else None)
    expected = expected_verdicts(expect)
    if write is not None:
        write_experiment(write, recipe, settings, varied)
    place = {"store": store, "executor": where, "budget": budget, "track": track}
    end(run_recipe(recipe, settings, over=varied, **place), as_json, expected, junit)
