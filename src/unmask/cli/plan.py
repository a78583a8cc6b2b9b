"""`unmask plan RECIPE`: what would run, what is cached, and an estimate, before anything is
spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.settings import Json, Scale, Set, StoreDir, emit, settings_of

if TYPE_CHECKING:
    from unmask.engine.plan import Plan, PlannedStep


def plan(
    recipe: Annotated[str, typer.Argument(help="A recipe; see `unmask list recipes`.")],
    set_: Set = None,
    scale: Scale = None,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Show the steps of a recipe without running them."""
    from unmask.recipes.run import plan as plan_recipe

    planned = plan_recipe(recipe, settings_of(set_, scale), store=store)
    rows = [row_of(step) for step in planned.steps]
    if as_json:
        emit({"steps": rows, "tokens": planned.tokens, "seconds": round(planned.seconds, 1)})
    else:
        show(planned, rows)


def row_of(planned: PlannedStep) -> dict[str, Any]:
    """What is said of one step, as JSON has it."""
    return {
        "key": planned.step.key,
        "name": planned.step.name,
        "status": planned.status,
        "tokens": planned.tokens,
        "seconds": round(planned.seconds, 1),
    }


def show(planned: Plan, rows: Sequence[Mapping[str, Any]]) -> None:
    """A line per step, and the sum."""
    for row in rows:
        cost = (
            f"{row['tokens']:>12,} tokens {row['seconds']:>8.1f} s"
            if row["status"] == "to run"
            else ""
        )
        print(f"{row['status']:7} {row['name']:24} {row['key'][:16]} {cost}")
    waiting = sum(row["status"] == "to run" for row in rows)
    print(
        f"{waiting} of {len(rows)} steps to run: about {planned.tokens:,} tokens,"
        f" {planned.seconds / 60:.1f} minutes"
    )
