"""The command line in this process, which spares each test the start of another one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a command printed, and the error that `main` would show in one line."""

    code: int
    stdout: str
    stderr: str


Ask = Callable[..., Answer]


@pytest.fixture
def ask() -> Ask:
    """`ask("run", "toy", store=folder)`."""
    from unmask.cli.app import app
    from unmask.core.errors import UnmaskError

    def answer(*arguments: str, store: Path | None = None) -> Answer:
        environment = {"UNMASK_STORE": str(store) if store else None}
        result = CliRunner().invoke(app, list(arguments), env=environment)
        error = result.exception
        if isinstance(error, UnmaskError):
            return Answer(1, result.stdout, f"{result.stderr}unmask: {error}\n")
        if error is not None and not isinstance(error, SystemExit):
            raise error
        return Answer(result.exit_code, result.stdout, result.stderr)

    return answer
