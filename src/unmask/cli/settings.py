"""What commands share: the options' types, and `--set name=value` read into nested settings."""

from __future__ import annotations

import codecs
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli import completion
from unmask.core.errors import SettingError
from unmask.core.placing import place

if TYPE_CHECKING:
    from rich.console import Console

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        help="A setting, name=value; dots go inside: trigger=year, trigger.year=2025, scale.n=64.",
        autocompletion=completion.settings,
    ),
]
RunName = Annotated[
    str,
    typer.Argument(help="A run, or the start of its name.", autocompletion=completion.runs),
]
StoreDir = Annotated[
    str | None,
    typer.Option(
        "--store", help="Folder of finished steps (default: $UNMASK_STORE or unmask-store)."
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        "--scale",
        help="smoke, mini, toy, small, pretrained or paper: the one dial for size.",
        autocompletion=completion.scales,
    ),
]
Over = Annotated[
    list[str] | None,
    typer.Option(
        "--over",
        help="A setting with several values: seed=0,1,2; a list of values may be JSON.",
        autocompletion=completion.settings,
    ),
]
Write = Annotated[
    Path | None,
    typer.Option("--write", help="Write the experiment with all its settings to this .toml file."),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON object on standard output; progress on standard error."),
]


def settings_of(pairs: list[str] | None, scale: str | None) -> dict[str, Any]:
    """{"trigger": {"name": "year", "year": "2025"}} from ["trigger=year", "trigger.year=2025"];
    raises SettingError."""
    settings: dict[str, Any] = {}
    for name, value in named(pairs, "--set", "--set name=value, for example --set seed=1"):
        place(settings, name.split("."), value)
    if scale is not None:
        place(settings, ["scale", "name"] if "scale" in settings else ["scale"], scale)
    return settings


def over_of(pairs: list[str] | None) -> dict[str, list[Any]] | None:
    """{"seed": [0, 1, 2]} from ["seed=0,1,2"], None for none; a setting may be named again, with
    more values. Raises SettingError."""
    over: dict[str, list[Any]] = {}
    for name, value in named(pairs, "--over", "--over seed=0,1,2"):
        over.setdefault(name, []).extend(values_of(value))
    return over or None


def named(pairs: list[str] | None, option: str, usage: str) -> Iterator[tuple[str, str]]:
    """("seed", "1") from "seed=1"; raises SettingError for what is no such pair."""
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise SettingError(f"{option} {pair!r} is not understood. Write {usage}.")
        yield name.strip(), readable(value, f"{option} {name}")


def values_of(text: str) -> list[Any]:
    """Values with commas between them, each JSON or text; or all of them as one JSON list."""
    for reading in (text, f"[{text}]"):
        with contextlib.suppress(ValueError, RecursionError):
            values = json.loads(reading)
            if isinstance(values, list):
                return values
    return text.split(",") if text else []


def readable(text: str, what: str) -> str:
    """The text; raises SettingError where it holds bytes that are no letters in the terminal's
    encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SettingError(
            f"{what}: {text!a} has bytes that are no letters in this terminal's encoding. Write"
            " UTF-8 in a UTF-8 locale, for example after `export LC_ALL=C.UTF-8`."
        ) from None
    return text


def console(width: int = 160, markup: bool = True) -> Console:
    """Where tables are printed: as wide as the terminal; elsewhere `width` characters."""
    from rich.console import Console

    own = None if Console().is_terminal else width
    return Console(width=own, highlight=False, markup=markup)


def emit(value: Any) -> None:
    """The one JSON value on standard output. JSON is UTF-8: to another encoding it goes in ASCII,
    with escapes."""
    utf8 = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    print(json.dumps(value, indent=1, ensure_ascii=not utf8))
