"""What commands share: the options' types, and `--set name=value` read into nested settings."""

from __future__ import annotations

import codecs
import json
import sys
from typing import Annotated, Any

import typer

from unmask.core.errors import SettingError
from unmask.core.registry import read_choice

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        help="A setting, name=value; dots go inside: trigger=year, trigger.year=2025, scale.n=64.",
    ),
]
StoreDir = Annotated[
    str | None,
    typer.Option(
        "--store", help="Folder of finished steps (default: $UNMASK_STORE or unmask-store)."
    ),
]
Scale = Annotated[
    str | None,
    typer.Option("--scale", help="smoke, mini, toy, small or paper: the one dial for size."),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON object on standard output; progress on standard error."),
]


def settings_of(pairs: list[str] | None, scale: str | None) -> dict[str, Any]:
    """{"trigger": {"name": "year", "year": "2025"}} from ["trigger=year", "trigger.year=2025"];
    raises SettingError."""
    settings: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise SettingError(
                f"--set {pair!r} is not understood. Write --set name=value, for example --set"
                " seed=1."
            )
        place(settings, name.strip().split("."), readable(value, f"--set {name}"))
    if scale is not None:
        place(settings, ["scale", "name"] if "scale" in settings else ["scale"], scale)
    return settings


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


def place(settings: dict[str, Any], path: list[str], value: Any, inside: str = "") -> None:
    """Put a value where its dotted name says; a thing with settings of its own keeps its name under
    "name".

    Raises SettingError for a second, other value of one setting: nobody could tell which is meant.
    """
    head, *rest = path
    there = settings.get(head)
    if rest:
        settings[head] = there if isinstance(there, dict) else read_choice(head, there or "")
        place(settings[head], rest, value, f"{inside}{head}.")
    elif isinstance(there, dict):
        for inner, given in read_choice(head, value).items():
            place(there, [inner], given, f"{inside}{head}.")
    elif there in (None, value):
        settings[head] = value
    else:
        raise SettingError(
            f"{inside}{head} is given twice, as {there!r} and as {value!r}. Write one."
        )


def emit(value: Any) -> None:
    """The one JSON value on standard output. JSON is UTF-8: to another encoding it goes in ASCII,
    with escapes."""
    utf8 = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    print(json.dumps(value, indent=1, ensure_ascii=not utf8))
