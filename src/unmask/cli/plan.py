"""`unmask plan RECIPE`: what would run, what is cached, and an estimate, before anything is
spent."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.settings import Json, Scale, Set, StoreDir, emit, settings_of


def plan(
    recipe: Annotated[str, typer.Argument(help="A recipe; see `unmask list recipes`.")],
    set_: Set = None,
    scale: Scale = None,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Show the steps of a recipe without running them."""
    from unmask.recipes.run import plan as plan_recipe

    found = plan_recipe(recipe, settings_of(set_, scale), store=store)
    rows = [
        {
            "key": p.step.key,
            "name": p.step.name,
            "status": p.status,
            "tokens": p.tokens,
            "seconds": round(p.seconds, 1),
        }
        for p in found.steps
    ]
    if as_json:
        emit({"steps": rows, "tokens": found.tokens, "seconds": round(found.seconds, 1)})
        return
    for row in rows:
        cost = (
            f"{row['tokens']:>12,} tokens {row['seconds']:>8.1f} s"
            if row["status"] == "to run"
            else ""
        )
        print(f"{row['status']:7} {row['name']:24} {row['key'][:16]} {cost}")
    waiting = sum(row["status"] == "to run" for row in rows)
    print(
        f"{waiting} of {len(rows)} steps to run: about {found.tokens:,} tokens,"
        f" {found.seconds / 60:.1f} minutes"
    )
