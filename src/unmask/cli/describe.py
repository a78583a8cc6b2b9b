"""`unmask describe NAME`: all that is known of a recipe, trigger, defense, scale, ..."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.completion import kinds, names
from unmask.cli.settings import Json, StoreDir, emit

if TYPE_CHECKING:
    from unmask.recipes.describe import Description, Setting


def describe(
    name: Annotated[
        str, typer.Argument(help="Any name of `unmask list`, or a scale's.", autocompletion=names)
    ],
    kind: Annotated[
        str, typer.Option(help="Of which kind, where a name has several.", autocompletion=kinds)
    ] = "",
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Say what something is: its settings with types, defaults and choices, and what it costs."""
    from unmask.engine.store import Store
    from unmask.recipes.describe import describe as descriptions

    known = descriptions(name, Store.at(store), kind)
    if as_json:
        emit([dataclasses.asdict(description) for description in known])
        return
    print("\n\n".join(text_of(description) for description in known))


def text_of(description: Description) -> str:
    """A description as the terminal shows it."""
    lines = [f"{description.name}  ({description.kind})", f"  {description.summary}"]
    if description.about:
        lines += ["", textwrap.indent(description.about, "  ")]
    lines += ["", "settings:" if description.settings else "settings: none"]
    width = max((len(setting.name) for setting in description.settings), default=0)
    for setting in description.settings:
        lines += setting_lines(setting, width)
    lines += ["", f"from: {description.origin}"]
    return "\n".join([*lines, *([f"cost: {description.cost}"] if description.cost else [])])


def setting_lines(setting: Setting, width: int) -> list[str]:
    """Name, type and default; the choices stand below, where the type does not name them."""
    default = "must be given" if setting.needed else f"default {json.dumps(setting.default)}"
    lines = [f"  {setting.name:{width}}  {setting.type}; {default}"]
    if setting.choices and not setting.type.startswith("one of"):
        lines.append(f"  {'':{width}}  known: {', '.join(setting.choices)}")
    return lines
