"""`unmask list [KIND]`: everything that is registered, with one line each."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer

from unmask.cli.settings import Json, emit
from unmask.core.errors import UnknownName

KINDS = {
    "recipes": "unmask.recipes:RECIPES",
    "triggers": "unmask.organisms.triggers:TRIGGERS",
    "behaviors": "unmask.organisms.behaviors:BEHAVIORS",
    "variants": "unmask.organisms.variants:VARIANTS",
    "sources": "unmask.data.sources:SOURCES",
    "defenses": "unmask.defenses:DEFENSES",
    "red_teams": "unmask.defenses.red_teams:RED_TEAMS",
    "evaluations": "unmask.evaluations:EVALUATIONS",
    "executors": "unmask.engine.executors:EXECUTORS",
    "trackers": "unmask.trackers:TRACKERS",
}


def rows_of(kind: str) -> list[dict[str, Any]]:
    """Name and summary of everything of a kind; singular and plural are both understood."""
    plural = kind if kind in KINDS else f"{kind}s"
    if plural not in KINDS:
        raise UnknownName("kind", kind, KINDS)
    module, _, attribute = KINDS[plural].partition(":")
    return getattr(importlib.import_module(module), attribute).rows()


def list_kind(
    kind: Annotated[
        str | None, typer.Argument(help="recipes, triggers, behaviors, ... (default: all)")
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
