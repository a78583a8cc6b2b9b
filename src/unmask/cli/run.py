"""`unmask run RECIPE`: run an experiment to its report; what is finished is not done again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unmask.cli.completion import executors, recipes
from unmask.cli.ending import Expect, JUnit, end, expected_verdicts
from unmask.cli.settings import Json, Scale, Set, StoreDir, settings_of

Executor = Annotated[
    str,
    typer.Option(
        help='Where steps run: a name, or {"name": ...} as JSON; see `unmask list executors`.',
        autocompletion=executors,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--executor.workers", help="How many steps at once (executor processes)."),
]
Budget = Annotated[str | None, typer.Option(help="Stop before this is exceeded: 10m, 2h, 5Mtok.")]


def run(
    recipe: Annotated[
        str,
        typer.Argument(help="A recipe; see `unmask list recipes`.", autocompletion=recipes),
    ],
    set_: Set = None,
    scale: Scale = None,
    store: StoreDir = None,
    executor: Executor = "inline",
    workers: Workers = None,
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
        executor=executor_of(executor, workers),
        budget=budget,
    )
    end(result, as_json, expected, junit)


def executor_of(executor: str, workers: int | None) -> dict[str, Any]:
    """The executor with its settings, from both options."""
    from unmask.core.registry import read_choice

    chosen = read_choice("executor", executor, usual="inline")
    return chosen if workers is None else {**chosen, "workers": workers}
