"""`unmask list [KIND]`: everything that is registered, with one line each."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unmask.cli.completion import kinds
from unmask.cli.settings import Json, emit
from unmask.recipes.kinds import KINDS, plural_of, registry_of


def rows_of(kind: str) -> list[dict[str, Any]]:
    """Name and summary of everything of a kind; singular and plural are both understood."""
    return registry_of(plural_of(kind)).rows()


def list_kind(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="recipes, triggers, behaviors, ... (default: all)", autocompletion=kinds
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List what is registered."""
    if as_json:
        emit(
            rows_of(kind)
            if kind
            else [{"name": plural, "summary": f"{len(rows_of(plural))} known"} for plural in KINDS]
        )
        return
    for plural in [kind] if kind else KINDS:
        rows = rows_of(plural)
        width = max((len(row["name"]) for row in rows), default=0)
        print(plural)
        for row in rows:
            print(f"  {row['name']:{width}}  {row['summary']}")
