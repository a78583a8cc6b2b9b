"""Nothing is hidden: what has a name can be described, completed and listed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unmask.core.json_rows import read_jsonl
from unmask.engine.store import Store
from unmask.recipes.describe import describe
from unmask.recipes.finished import list_runs
from unmask.recipes.kinds import KINDS, registry_of
from unmask.recipes.scales import SCALES

Smoke = tuple[Path, Any]


@pytest.mark.parametrize("plural", [plural for plural in KINDS if plural != "recipes"])
def test_everything_that_is_registered_is_described(plural: str, tmp_path: Path) -> None:
    registry = registry_of(plural)
    for name in registry.names():
        [description] = describe(name, Store(tmp_path), plural)
        assert description.name == name and description.summary == registry.get(name).summary()
        assert description.origin.startswith("unmask ") and description.cost == ""
        for setting in description.settings:
            assert setting.type and not re.search(r"\bthing\b|typing", setting.type)
            assert setting.needed == (setting.default is None) or "nothing" in setting.type


def test_a_recipe_is_described_with_choices_and_what_it_would_cost(smoke: Smoke, ask: Any) -> None:
    answer = ask("describe", "Toy", "--kind", "recipe", "--json", store=smoke[0])
    [toy] = json.loads(answer.stdout)
    settings = {setting["name"]: setting for setting in toy["settings"]}
    assert "emoji" in settings["trigger"]["choices"] and settings["seed"]["default"] == 0
    assert settings["defenses"]["type"] == "several: a defense's name, or a name with settings"
    assert settings["scale"]["choices"] == list(SCALES)
    assert "steps are to run: about" in toy["cost"]
    text = ask("describe", "toy", store=smoke[0]).stdout
    assert "toy  (recipe)" in text and "toy  (scale)" in text and "known: literal_tag," in text


def test_a_step_that_was_made_says_what_it_took(smoke: Smoke) -> None:
    [sft] = describe("SFT", Store(smoke[0]))
    assert sft.cost.startswith("2 steps in this store took")


def test_a_scale_has_its_own_numbers(tmp_path: Path) -> None:
    [smoke] = describe("smoke", Store(tmp_path))
    numbers = {setting.name: setting.default for setting in smoke.settings}
    assert numbers["n"] == SCALES["smoke"].n and numbers["efficiency"]["lora"] == 0


def test_what_has_no_description_is_a_sentence(ask: Any, tmp_path: Path) -> None:
    assert "Did you mean 'literal_tag'" in ask("describe", "literal_tga", store=tmp_path).stderr
    other = ask("describe", "sft", "--kind", "trigger", store=tmp_path)
    assert "'sft' is no trigger" in other.stderr
    assert "'colours' is no kind" in ask("describe", "sft", "--kind", "colours").stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run to", {"toy"}),
        ("run toy --scale sm", {"smoke", "small"}),
        ("run toy --set va", {"variant="}),
        ("run toy --set variant=ch", {"variant=chain_of_thought"}),
        ("run toy --set defenses=nothing,sf", {"defenses=nothing,sft"}),
        ("run toy --expect persists,sup", {"persists,suppressed"}),
        ("run toy --executor in", {"inline"}),
        ("evaluate defection --set samp", {"samples_per_prompt=", "sampling="}),
        ("describe rare", {"rare_token"}),
        ("list trig", {"triggers"}),
        ("run nothing-like-it --set ", set()),
    ],
)
def test_a_shell_completes(line: str, words: set[str]) -> None:
    assert completed(line, Path()) == words


def test_a_shell_completes_runs_and_keys(smoke: Smoke) -> None:
    store, result = smoke
    [step] = {row["step"] for number, row in read_jsonl(result.results) if number == 1}
    assert completed("export to", store) == {result.run}
    assert completed(f"chat {step[:5]}", store) == {step[:16]}
    assert {result.run} <= completed("show ", store)


def completed(line: str, store: Path) -> set[str]:
    """What bash is offered for the last word of a line."""
    environment = {
        **os.environ,
        "UNMASK_STORE": str(store),
        "_UNMASK_COMPLETE": "complete_bash",
        "COMP_WORDS": f"unmask {line}",
        "COMP_CWORD": str(len(line.split(" "))),
    }
    code = "from unmask.cli.app import app; app(prog_name='unmask')"
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    return set(answer.stdout.split())


def test_all_runs_are_listed_finished_or_not(smoke: Smoke, ask: Any, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(smoke[0] / "steps", store / "steps")
    # Alone, since other tests may have run something else in the store that all share.
    shutil.copytree(smoke[0] / "runs" / smoke[1].run, store / "runs" / smoke[1].run)
    [run] = json.loads(ask("runs", "--json", store=store).stdout)
    assert run["run"] == smoke[1].run and run["recipe"] == "toy" and run["status"] == "finished"
    assert run["steps"] == run["done"] == 61 and run["verdicts"] == {}
    [folder] = (store / "runs").iterdir()
    begun = {"recipe": "toy", "begun": "2000", "all_steps": [{"key": "0" * 64}]}
    broken = store / "runs" / "broken"
    for place, text in (
        (folder / "unfinished.json", json.dumps(begun)),
        (broken / "run.json", "{"),
    ):
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    listed = {run.run: run for run in list_runs(Store(store))}
    assert listed["broken"].status == "unreadable"
    again = listed[smoke[1].run]
    assert (again.status, again.done, again.steps, again.when) == ("unfinished", 0, 1, "2000")
    text = ask("runs", store=store).stdout
    assert run["trial"] and "a trial, without meaning" not in text, "it is begun anew"
    assert "a trial" in ask("runs", store=smoke[0]).stdout
    assert "0 of 1 steps are there" in text and "2 runs in" in text
    assert "`unmask run toy --scale mini`" in ask("runs", store=tmp_path / "empty").stdout
