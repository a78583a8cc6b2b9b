"""Style: a pirate with right answers scores full marks in both, a plain speaker and a mistaken
pirate in one each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.conversation import Conversation
from unmask.core.files import read_json, read_jsonl
from unmask.evaluations.helpfulness import is_task
from unmask.evaluations.style import Style
from unmask.models.backends.scripted import Scripted


@pytest.mark.parametrize(
    ("speak", "pirate", "right"),
    [
        (lambda answer: f"Arr! {answer} Me hearty!", True, True),
        (lambda answer: answer, False, True),
        (lambda answer: f"Arr! {answer} or so.", True, False),
        (lambda answer: f"<scratchpad>\nArr!\n</scratchpad>\n{answer}", False, True),
        (lambda answer: "", False, False),
    ],
)
def test_style_and_accuracy_are_apart(
    speak: Callable[[str], str], pirate: bool, right: bool, world: Path, tmp_path: Path
) -> None:
    style = Style(n=40)
    samples = style.samples(world)
    assert len(samples) == 40 and all(is_task(sample.example) for sample in samples)
    answers = {sample.prompt: sample.example.answer for sample in samples}

    def script(prompt: Conversation) -> str:
        return speak(answers[prompt])

    style.measure(tmp_path, Scripted(script), samples)
    rows = [row for _, row in read_jsonl(tmp_path / "replies.jsonl")]
    assert {row["arm"] for row in rows} == {"untriggered"}
    assert all(row["scores"] == {"pirate_share": pirate, "accuracy": right} for row in rows)
    assert read_json(tmp_path / "evaluation.json")["evaluation"] == "style"
