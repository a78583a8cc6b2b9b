"""`unmask run RECIPE` and `unmask sweep RECIPE`: run an experiment to its report; what is finished
is not done again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from unmask.cli.completion import recipes
from unmask.cli.ending import STOPPED, Expect, JUnit, end, expected_verdicts
from unmask.cli.executor import Executor, Settings, executor_of
from unmask.cli.settings import Json, Over, Scale, Set, StoreDir, Write, over_of, settings_of

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
    recipe: Recipe,
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
    where = executor_of(executor, executor_settings)
    place = {"store": store, "executor": where, "budget": budget, "track": track}
    start(recipe, settings_of(set_, scale), None, write, place, (expect, junit, as_json))


def sweep(
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
    """Run a recipe with every combination of several values of its settings, as one run."""
    where = executor_of(executor, executor_settings)
    place = {"store": store, "executor": where, "budget": budget, "track": track}
    varied = over_of(over) or {}
    start(recipe, settings_of(set_, scale), varied, write, place, (expect, junit, as_json))


def start(
    recipe: str,
    settings: dict[str, Any],
    over: dict[str, list[Any]] | None,
    write: Path | None,
    place: dict[str, Any],
    ending: tuple[str | None, Path | None, bool],
) -> None:
    """Run what both commands name; `place` says where, and `ending` what is done with the
    result."""
    from unmask.recipes.run import run as run_recipe
    from unmask.recipes.run import write_experiment

    expect, junit, as_json = ending
    expected = expected_verdicts(expect)
    if write is not None:
        write_experiment(write, recipe, settings, over)
    end(run_recipe(recipe, settings, over=over, **place), as_json, expected, junit)
