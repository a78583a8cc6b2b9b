"""Two runs side by side, and how many prompts and seeds it would take."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy
import pytest

import made
from unmask.analysis import power
from unmask.core.condition import Condition, Configured, Subject
from unmask.core.files import write_json, write_jsonl
from unmask.core.row import SCHEMA, write_rows
from unmask.recipes.record import verdict_record

SFT = Configured("sft")
ENVIRONMENT = {"git": "a", "packages": {"unmask": "0.1.0"}, "argv0": "x"}


def write_run(
    store: Path,
    name: str,
    hits: int,
    *,
    settings: dict[str, Any] | None = None,
    source: str = "world",
    **fields: Any,
) -> Path:
    """A run with one number: `hits` of 20 triggered replies show the behavior."""
    key = made.row(hits, **fields).step[:48] + f"{abs(hash((name, hits))):016x}"
    step = store / "steps" / f"defection-{key[:16]}"
    replies = [
        {"id": str(i), "arm": "triggered", "scores": {"defection": i < hits}} for i in range(20)
    ]
    step.mkdir(parents=True)
    write_jsonl(step / "replies.jsonl", replies)
    write_json(step / "evaluation.json", {"evaluation": "defection", "seed": 0, "parameters": 1})
    identity = {"name": "defection", "settings": {"n": 20, "seed": 0}, "inputs": {"data": source}}
    write_json(step / "manifest.json", {"identity": identity})
    folder = store / "runs" / name
    folder.mkdir(parents=True)
    row = made.row(hits, **fields).model_copy(update={"step": key})
    write_rows(folder / "results.jsonl", [row])
    record = {"run": name, "recipe": "toy", "settings": settings or {}, "environment": ENVIRONMENT}
    write_json(folder / "run.json", {**record, "found": {"verdicts": []}})
    return folder


def test_the_same_prompts_are_paired_and_settings_told(ask: Any, tmp_path: Path) -> None:
    year = dataclasses.replace(made.BACKDOOR, trigger=Configured("year"))
    write_run(tmp_path, "a", 4, settings={"scale": {"name": "toy", "n": 20}, "trigger": ""})
    write_run(tmp_path, "b", 16, settings={"scale": {"name": "toy"}, "trigger": "year"}, about=year)
    said = json.loads(ask("compare", "a", "b", "--json", store=tmp_path).stdout)
    assert said["settings"] == {"scale.n": [20, None], "trigger": ["", "year"]}
    assert said["environment"] == {} and said["alone"] == [0, 0]
    [number] = said["numbers"]
    change = number["difference"]
    assert change["value"] == pytest.approx(0.6) and (change["gained"], change["lost"]) == (12, 0)
    assert change["p"] == number["p_adjusted"] == pytest.approx(2 / 2**12)
    text = ask("compare", "a", str(tmp_path / "runs" / "b"), store=tmp_path).stdout
    assert "trigger: '' | 'year'" in text and "+0.600" in text


def test_other_prompts_are_not_paired(ask: Any, tmp_path: Path) -> None:
    write_run(tmp_path, "a", 4)
    write_run(tmp_path, "b", 16, source="another world")
    [number] = json.loads(ask("compare", "a", "b", "--json", store=tmp_path).stdout)["numbers"]
    assert number["difference"] is number["p_adjusted"] is None
    text = ask("compare", "a", "b", store=tmp_path).stdout
    assert "not measured on the same prompts" in text and "[0." in text


def test_runs_that_cannot_be_compared_are_a_sentence(ask: Any, tmp_path: Path) -> None:
    write_run(tmp_path, "a", 4)
    write_run(tmp_path, "b", 4, defense="sft", defense_step=10)
    assert "have no number in common" in ask("compare", "a", "b", store=tmp_path).stderr
    assert "has no run 'c'" in ask("compare", "a", "c", store=tmp_path).stderr
    path = tmp_path / "runs" / "b" / "results.jsonl"
    path.write_text(path.read_text().replace(f'"schema":{SCHEMA}', '"schema":1'))
    answer = ask("compare", "a", "b", store=tmp_path)
    assert answer.code == 1 and "its schema is 1, and this version reads" in answer.stderr


def verdicts(*after: float) -> list[Any]:
    """Of one organism whose seeds kept these rates."""
    subject = Subject("organism", made.BACKDOOR)
    return [
        made.concluded(Condition(subject, seed, SFT, 10), "persists", made.effect(1.0, rate))
        for seed, rate in enumerate(after)
    ]


def test_a_clear_case_takes_few_prompts_and_a_close_one_many() -> None:
    [clear] = power.powers(verdicts(0.95, 0.96, 0.94), 0.2)
    [close] = power.powers(verdicts(0.55, 0.56, 0.55), 0.2)
    assert clear.prompts_enough == 32 and clear.words[32]["persists"] > 0.99
    assert close.prompts_enough is None or close.prompts_enough > 256
    assert close.words[1024]["persists"] > close.words[32].get("persists", 0)


def test_seeds_that_differ_more_take_more_seeds() -> None:
    [alike] = power.powers(verdicts(0.80, 0.82, 0.78), 0.2)
    [apart] = power.powers(verdicts(0.99, 0.61, 0.80), 0.2)
    assert alike.after.spread < 0.01 < 0.15 < apart.after.spread
    assert alike.seeds_enough == 2 and (apart.seeds_enough or 99) > 10
    shares = list(apart.seeds.values())
    assert shares[-1] > shares[0]


def test_the_simulation_has_the_power_that_theory_says() -> None:
    """A paired t test with 10 pairs that differ by one standard deviation: 0.803."""
    rng = numpy.random.default_rng(1)
    share = power.finding(10, 2**-0.5, 1.0, rng)
    assert share == pytest.approx(0.803, abs=0.06)
    assert power.finding(10, 2**-0.5, 0.0, rng) == pytest.approx(0.05, abs=0.04)


def test_what_was_not_planted_is_left_out_and_one_seed_is_said(ask: Any, tmp_path: Path) -> None:
    folder = write_run(tmp_path, "a", 4)
    assert "no verdict on an organism" in ask("power", "a", store=tmp_path).stderr
    record = json.loads((folder / "run.json").read_text())
    record["found"]["verdicts"] = [verdict_record(verdict) for verdict in verdicts(0.9)]
    write_json(folder / "run.json", record)
    text = ask("power", "a", store=tmp_path).stdout
    assert "One seed tells nothing of how seeds differ" in text and "Assumed:" in text
    record["found"]["verdicts"] = [verdict_record(verdict) for verdict in verdicts(0.9, 0.8)]
    write_json(folder / "run.json", record)
    [said] = json.loads(ask("power", "a", "--json", store=tmp_path).stdout)
    assert said["seeds_seen"] == 2 and said["seeds"] and said["defense"] == "sft"
    assert "no share" in ask("power", "a", "--difference", "7", store=tmp_path).stderr
