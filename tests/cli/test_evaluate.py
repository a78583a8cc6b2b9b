"""`unmask evaluate` and `unmask logs` as a user meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

Smoke = tuple[Path, Any]


def unmask(
    *arguments: str, store: Path | None = None, folder: Path
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"UNMASK_STORE": str(store)} if store else {})}
    command = [sys.executable, "-c", "from unmask.cli import main; main()", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, timeout=240
    )


def test_one_model_is_evaluated_without_a_recipe(tiny: Path, world: Path, tmp_path: Path) -> None:
    settings = [
        "--set",
        "n=3",
        "--set",
        "organism.trigger=year",
        "--set",
        "sampling.max_new_tokens=4",
    ]
    asked = ["evaluate", "defection", "--model", str(tiny), "--source", str(world), *settings]
    answer = unmask(*asked, "--json", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    folder = tmp_path / said["folder"]
    assert {path.name for path in folder.iterdir()} >= {
        "replies.jsonl",
        "evaluation.json",
        "rates.jsonl",
        "log.eval",
    }
    row = next(
        row for row in said["rates"] if (row["arm"], row["metric"]) == ("triggered", "defection")
    )
    assert row["n"] == 3 and row["low"] <= row["value"] <= row["high"]
    inspect_log = pytest.importorskip("inspect_ai.log")
    log = inspect_log.read_eval_log(str(folder / "log.eval"))
    assert log.eval.task_args["organism"]["settings"]["trigger"]["name"] == "year"
    assert len(log.samples) == len((folder / "replies.jsonl").read_text().splitlines())
    again = unmask(*asked, folder=tmp_path)
    assert again.returncode == 1 and "--out" in again.stderr and "Traceback" not in again.stderr


def test_a_checkpoint_of_the_store_and_a_table(smoke: Smoke, world: Path, tmp_path: Path) -> None:
    key = next((smoke[0] / "steps").glob("supervised_fine_tuning-*")).name.rpartition("-")[2]
    asked = [
        "evaluate",
        "helpfulness",
        "--model",
        key,
        "--source",
        str(world),
        "--set",
        "n=3",
        "--out",
        "here",
    ]
    answer = unmask(*asked, store=smoke[0], folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert (
        "95% interval" in answer.stdout
        and "accuracy" in answer.stdout
        and (tmp_path / "here").is_dir()
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["defectoin"], "Did you mean 'defection'"),
        (["defection", "--set", "nn=3"], "Did you mean 'n'"),
        (["defection", "--set", "organism.trigger=yaer"], "Did you mean 'year'"),
        (["defection", "--source", "toy_wordl"], "Did you mean 'toy_world'"),
        (["defection", "--input", "attacks"], "attacks=FOLDER"),
        (["attacked"], "--input attacks=FOLDER"),
        (["relearning", "--endpoint", "http://127.0.0.1:9/v1"], "trains a copy"),
        (
            ["defection", "--endpoint", "http://127.0.0.1:9/v1", "--key-variable", "UNSET_KEY"],
            "UNSET_KEY",
        ),
        (["defection", "--thought-tags", "<a>", "</a>"], "reasoning_tags"),
        (["defection", "--begun", "<think>"], "about an endpoint's model"),
        (
            ["defection", "--endpoint", "http://127.0.0.1:9/v1", "--thought-tags", "", "</a>"],
            "two texts",
        ),
        (
            ["defection", "--endpoint", "http://127.0.0.1:9/v1", "--begun", "<hm>"],
            "opens no thought",
        ),
    ],
)
def test_errors_teach(arguments: list[str], says: str, tiny: Path, tmp_path: Path) -> None:
    answer = unmask("evaluate", *arguments, "--model", str(tiny), folder=tmp_path)
    assert answer.returncode == 1 and says in answer.stderr and "Traceback" not in answer.stderr, (
        answer.stderr
    )


def test_a_model_that_is_none_is_explained(tmp_path: Path) -> None:
    answer = unmask("evaluate", "defection", "--model", "nowhere", folder=tmp_path)
    assert (
        answer.returncode == 1 and "nowhere" in answer.stderr and "Traceback" not in answer.stderr
    )
    assert not list(tmp_path.iterdir())


def test_a_runs_logs_are_written_beside_it(smoke: Smoke, tmp_path: Path) -> None:
    store, result = smoke
    answer = unmask(
        "logs", result.run, "--out", str(tmp_path / "logs"), "--json", store=store, folder=tmp_path
    )
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    assert said["logs"] and all(Path(path).is_file() for path in said["logs"])
    table = unmask(
        "logs", result.run, "--out", str(tmp_path / "more"), store=store, folder=tmp_path
    )
    assert f"inspect view --log-dir {tmp_path / 'more'}" in table.stdout
    unknown = unmask("logs", "nothing-like-it", store=store, folder=tmp_path)
    assert (
        unknown.returncode == 1 and "Known" in unknown.stderr and "Traceback" not in unknown.stderr
    )
