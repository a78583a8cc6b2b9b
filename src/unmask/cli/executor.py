"""`--executor NAME --executor.SETTING VALUE`: where steps run, on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from unmask.cli.completion import executors
from unmask.cli.settings import settings_of
from unmask.core.registry import read_choice

SETTING = "--executor.SETTING"

Executor = Annotated[
    str,
    typer.Option(
        help='Where steps run: a name, or {"name": ...} as JSON; see `unmask list executors`.',
        autocompletion=executors,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        SETTING,
        metavar="VALUE",
        help="A setting of the executor: --executor.workers 2, --executor.address HOST:PORT.",
    ),
]


class WithExecutor(TyperCommand):
    """A command that takes every setting of an executor as an option of its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(gathered(args)))


def gathered(arguments: Iterable[str]) -> Iterator[str]:
    """Arguments in which `--executor.workers 2` is `--executor.SETTING workers=2`."""
    left = iter(arguments)
    for argument in left:
        option, equals, value = argument.partition("=")
        name = option.removeprefix("--executor.")
        if name == option:
            yield argument
            continue
        yield SETTING
        value = value if equals else next(left, None)
        if value is not None:  # else the option is the last word, and is told to need one
            yield f"{name}={value}"


def executor_of(executor: str, settings: list[str] | None) -> dict[str, Any]:
    """The executor with its settings, from both options; raises SettingError."""
    return {**read_choice("executor", executor, usual="inline"), **settings_of(settings, None)}
