"""`unmask run RECIPE`: run an experiment to its report; what is finished is not done again."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.ending import STOPPED, Expect, JUnit, end, expected_verdicts
from unmask.cli.executor import Executor, Settings, executor_of
from unmask.cli.settings import Json, Scale, Set, StoreDir, settings_of

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
    expect: Expect = None,
    junit: JUnit = None,
    as_json: Json = False,
) -> None:
    """Run a recipe: plant, defend, measure, report."""
    from unmask.recipes.run import run as run_recipe

    expected = expected_verdicts(expect)
    result = run_recipe(
        recipe,
        settings_of(set_, scale),
        store=store,
        executor=executor_of(executor, executor_settings),
        budget=budget,
    )
    end(result, as_json, expected, junit)
