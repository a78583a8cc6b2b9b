"""Rows of results: picking them by their fields, and saying one in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def said(row: Row) -> str:
    """A rate with its interval and n, in words."""
    return f"{row['value']:.1%} [{row['low']:.1%}, {row['high']:.1%}] (n={row['n']})"


def pick(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """Rows whose fields equal `wanted`; `model` means the model's name."""
    named = {key: value for key, value in wanted.items() if key != "model"}
    return [
        row
        for row in rows
        if all(row[key] == value for key, value in named.items())
        and ("model" not in wanted or row["model"]["name"] == wanted["model"])
    ]


def one(rows: Iterable[Row], **wanted: Any) -> Row | None:
    found = pick(rows, **wanted)
    return found[0] if found else None


def base_name(defense: str) -> str:
    """A defense's name without the settings that may stand behind it."""
    return defense.partition(" (")[0]


def rate(row: Row) -> dict[str, Any]:
    """A row's number alone."""
    return {key: row[key] for key in ("value", "n", "low", "high")}
