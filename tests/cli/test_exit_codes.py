"""How a run ends is its exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unmask.cli.app import app
from unmask.recipes import run
from unmask.recipes.run import Result

NONE = {"executed": 0, "cached": 1, "failed": 0, "blocked": 0, "stopped": 0}


def ended(**steps: int) -> Result:
    path = Path("results.jsonl")
    return Result("toy-1", "toy", path, path, {**NONE, **steps}, 1.0)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (ended(executed=3), 0),
        (ended(failed=1, blocked=2), 1),
        (ended(stopped=2), 3),
        (ended(failed=1, stopped=2), 1),
    ],
)
def test_a_budget_has_an_exit_code_of_its_own(
    result: Result, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(run, "run", lambda *_, **options: asked.update(options) or result)
    answer = CliRunner().invoke(app, ["run", "toy", "--budget", "10m", "--json"])
    assert answer.exit_code == code
    assert asked["budget"] == "10m"
    assert result.ok == (code == 0)
    assert result.stopped == (result.steps["stopped"] > 0)
