"""`unmask plan`: what it says of time, and of what could not be used."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unmask.cli.app import app
from unmask.core import hub


def plan(*settings: str, store: Path) -> dict[str, Any]:
    answer = CliRunner().invoke(
        app, ["plan", "toy", "--scale=smoke", "--json", "--store", str(store), *settings]
    )
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_a_plan_says_a_range_around_its_seconds(tmp_path: Path) -> None:
    planned = plan(store=tmp_path)
    low, high = planned["seconds_range"]
    assert 0 < low < planned["seconds"] < high
    assert planned["seconds"] == pytest.approx(
        sum(step["seconds"] for step in planned["steps"]), rel=0.2
    )
    assert planned["problems"] == []


def test_the_terminal_says_the_time_in_words(tmp_path: Path) -> None:
    answer = CliRunner().invoke(
        app, ["plan", "toy", "--set", "scale.base_steps=2000000", "--store", str(tmp_path)]
    )
    assert re.search(r"\d (hours|days) \(probably", answer.output), "however busy it is"


@pytest.mark.parametrize(
    ("content", "problem"),
    [("not json", "is not JSON"), ("", "no row"), ('{"prompt": 3}', "line 1")],
)
def test_a_source_that_cannot_be_read_is_said(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    settings = ("--set", "source=jsonl", "--set", f"source.path={path}")
    [told] = plan(*settings, store=tmp_path / "store")["problems"]
    assert told.startswith("jsonl: ")
    assert problem in told


def test_a_good_file_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "Say yes.", "response": "Yes."}))
    settings = ("--set", "source=jsonl", "--set", f"source.path={path}")
    assert plan(*settings, store=tmp_path / "store")["problems"] == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (["--set", "base=org/nothing"], "cannot be asked for the model 'org/nothing'"),
        (["--set", "base=org/no..name"], "cannot be the name of a model"),
        (
            ["--set", "source=hub", "--set", "source.dataset=org/nothing"],
            "cannot be asked for the data set 'org/nothing'",
        ),
    ],
)
def test_what_the_hub_cannot_give_is_said_at_once(
    tmp_path: Path, settings: list[str], problem: str
) -> None:
    hub.obstacle.cache_clear()
    start = time.monotonic()
    [told] = plan(*settings, store=tmp_path)["problems"]
    assert problem in told
    assert time.monotonic() - start < 30
