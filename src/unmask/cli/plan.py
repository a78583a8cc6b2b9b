"""`unmask plan RECIPE`: what would run, what is cached, and what it would cost in time and memory,
before anything is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unmask.cli.run import Recipe
from unmask.cli.settings import Json, Over, Scale, Set, StoreDir, Write, emit, over_of, settings_of

if TYPE_CHECKING:
    from unmask.engine.plan import PlannedStep


def plan(
    recipe: Recipe,
    over: Over = None,
    set_: Set = None,
    scale: Scale = None,
    store: StoreDir = None,
    write: Write = None,
    as_json: Json = False,
) -> None:
    """Show the steps of a recipe, and whether they fit into memory, without running them."""
    from unmask.recipes.memory import fits
    from unmask.recipes.run import plan as plan_recipe
    from unmask.recipes.run import write_experiment

    settings, varied = settings_of(set_, scale), over_of(over)
    if write is not None:
        write_experiment(write, recipe, settings, varied)
    chain = plan_recipe(recipe, settings, over=varied, store=store)
    rows, memory = [described(planned) for planned in chain.steps], fits(chain.waiting)
    if as_json:
        cost = {"tokens": chain.tokens, "seconds": round(chain.seconds, 1)}
        emit({"steps": rows, **cost, "memory": memory.json()})
        return
    for row in rows:
        print(line(row))
    print(
        f"{len(chain.waiting)} of {len(rows)} steps to run: about {chain.tokens:,} tokens,"
        f" {chain.seconds / 60:.1f} minutes"
    )
    for told in memory.lines():
        print(told)


def described(planned: PlannedStep) -> dict[str, Any]:
    """A step as --json has it."""
    return {
        "key": planned.step.key,
        "name": planned.step.name,
        "label": planned.step.title,
        "status": planned.status,
        "tokens": planned.tokens,
        "seconds": round(planned.seconds, 1),
    }


def line(row: dict[str, Any]) -> str:
    """A step as the terminal has it."""
    waits = row["status"] == "to run"
    cost = f"{row['tokens']:>12,} tokens {row['seconds']:>8.1f} s" if waits else ""
    return f"{row['status']:7} {row['key'][:16]} {cost:31} {row['label']}"
