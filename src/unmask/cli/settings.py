"""What commands share: the options' types, and `--set name=value` read into nested settings."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from unmask.core.errors import SettingError

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-s", help="A setting, name=value; dots go inside: trigger=year, trigger.year=2025, scale.n=64."
    ),
]
StoreDir = Annotated[
    str | None, typer.Option("--store", help="Folder of finished steps (default: $UNMASK_STORE or unmask-store).")
]
Scale = Annotated[str | None, typer.Option("--scale", help="smoke, toy, small or paper: the one dial for size.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output; progress on standard error.")]


def settings_of(pairs: list[str] | None, scale: str | None) -> dict[str, Any]:
    """{"trigger": {"name": "year", "year": "2025"}} from ["trigger=year", "trigger.year=2025"]; raises SettingError."""
    found: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise SettingError(f"--set {pair!r} is not understood. Write --set name=value, for example --set seed=1.")
        place(found, name.strip().split("."), value)
    if scale is not None:
        place(found, ["scale"], scale)
    return found


def place(found: dict[str, Any], path: list[str], value: str) -> None:
    """Put a value where its dotted name says; a thing with settings of its own keeps its name under "name"."""
    head, *rest = path
    there = found.get(head)
    if rest:
        found[head] = there if isinstance(there, dict) else named(there)
        place(found[head], rest, value)
    else:
        found[head] = {**there, **named(value)} if isinstance(there, dict) else value


def named(value: str | None) -> dict[str, Any]:
    return {} if value is None else {"name": value}


def emit(value: Any) -> None:
    """The one JSON value on standard output."""
    print(json.dumps(value, indent=1, ensure_ascii=False))
