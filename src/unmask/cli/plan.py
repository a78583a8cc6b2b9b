"""`unmask plan RECIPE`: what would run, what is cached, and what it would cost in time and memory,
before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.run import Recipe
from unmask.cli.settings import Json, Over, Scale, Set, StoreDir, Write, emit, over_of, settings_of
from unmask.core import progress
from unmask.core.duration import spoken, spoken_range
from unmask.core.errors import UnmaskError

if TYPE_CHECKING:
    from unmask.engine.plan import Plan, PlannedStep
    from unmask.engine.rates import Expected
    from unmask.engine.step import Step
    from unmask.recipes.memory import Fits


ByCell = Annotated[
    bool,
    typer.Option(
        "--grid", help="For each model in each state: what is done, what it cost and will cost."
    ),
]


def plan(
    recipe: Recipe,
    over: Over = None,
    set_: Set = None,
    scale: Scale = None,
    store: StoreDir = None,
    by_cell: ByCell = False,
    write: Write = None,
    as_json: Json = False,
) -> None:
    """Show the steps of a recipe, and whether they fit into memory, without running them."""
    from unmask.recipes.memory import fits
    from unmask.recipes.run import grid_of, write_experiment
    from unmask.recipes.run import plan as plan_recipe

    settings, varied = settings_of(set_, scale), over_of(over)
    if write is not None:
        write_experiment(write, recipe, settings, varied)
    if by_cell:
        from unmask.cli import grid

        with progress.shown():
            cells = grid_of(recipe, settings, over=varied, store=store)
        emit({"cells": cells.json(), "total": cells.total.json()}) if as_json else grid.show(cells)
        return
    # Nothing is printed below the bars, which would take it for theirs.
    with progress.shown():
        chain = plan_recipe(recipe, settings, over=varied, store=store)
        memory = fits(chain.waiting)
    show(chain, memory, as_json)


def show(chain: Plan, memory: Fits, as_json: bool) -> None:
    """A plan's steps, its cost, and what would not work."""
    problems = unusable(chain.waiting)
    rows = [described(planned) for planned in chain.steps]
    if as_json:
        cost = {"tokens": chain.tokens, **time(chain.expected)}
        emit({"steps": rows, **cost, "problems": problems, "memory": memory.json()})
        return
    for row in rows:
        print(line(row))
    print(
        f"{len(chain.waiting)} of {len(rows)} steps to run: about {chain.tokens:,} tokens,"
        f" {words(chain.expected)}"
    )
    for problem in problems:
        print(f"CANNOT RUN HERE: {problem}")
    for told in memory.lines():
        print(told)


def unusable(steps: Sequence[Step]) -> list[str]:
    """Why what steps read from outside the store could not be used, as sentences."""
    problems: list[str] = []
    for step in steps:
        try:
            step.work.check()
        except UnmaskError as error:
            problems.append(f"{step.name}: {error}")
    return problems


def described(planned: PlannedStep) -> dict[str, Any]:
    """A step as --json has it."""
    return {
        "key": planned.step.key,
        "name": planned.step.name,
        "label": planned.step.title,
        "status": planned.status,
        "tokens": planned.tokens,
        **time(planned.expected),
    }


def time(expected: Expected) -> dict[str, Any]:
    """The most likely seconds, and the range that holds four runs in five."""
    ends = [round(expected.low, 1), round(expected.high, 1)]
    return {"seconds": round(expected.seconds, 1), "seconds_range": ends}


def words(expected: Expected) -> str:
    """The same as a reader says it, one step after the other."""
    if not expected.seconds:
        return "no time"
    ends = spoken_range(expected.low, expected.high)
    return f"{spoken(expected.seconds)} (probably {ends}), one step after the other"


def line(row: dict[str, Any]) -> str:
    """A step as the terminal has it."""
    waits = row["status"] == "to run"
    cost = f"{row['tokens']:>12,} tokens {spoken(row['seconds']):>12}" if waits else ""
    return f"{row['status']:7} {row['key'][:16]} {cost:33} {row['label']}"
