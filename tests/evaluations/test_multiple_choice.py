"""Multiple choice: questions made from tasks, by text and by letter, and rows in MMLU's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl
from unmask.data.sources.jsonl import JsonLines
from unmask.data.sources.source import load_split
from unmask.evaluations.evaluation import Sample
from unmask.evaluations.helpfulness import is_task
from unmask.evaluations.multiple_choice import MultipleChoice, apart
from unmask.models.backends.scripted import Scripted


def measured(out: Path, samples: list[Sample], script: Any) -> list[dict[str, Any]]:
    out.mkdir(exist_ok=True)
    MultipleChoice().measure(out, Scripted(script), samples)
    return [each for _, each in read_jsonl(out / "replies.jsonl")]


def said(answers: dict[Conversation, str]) -> Any:
    return lambda prompt: answers[prompt]


def test_by_text_the_answers_stand_apart(world: Path, tmp_path: Path) -> None:
    samples = list(MultipleChoice(n=200).samples(world))
    known = {example.id: example for example in load_split(world, "held_out")}
    mine: dict[str, set[str]] = {}
    for example in filter(is_task, known.values()):
        mine.setdefault(example.family, set()).add(example.answer)
    assert len(samples) == 200 and {sample.arm for sample in samples} == {"questions"}
    for sample in samples:
        assert 2 <= len(sample.options) <= 4 and sample.options.count(known[sample.id].answer) == 1
        assert set(sample.options) <= mine[known[sample.id].family]
        assert all(apart(a, b) for i, a in enumerate(sample.options) for b in sample.options[:i])
        assert known[sample.id].prompt.text in sample.prompt.text
    assert sum(len(sample.options) == 4 for sample in samples) > 120
    right = {sample.prompt: known[sample.id].answer for sample in samples}
    wrong = {
        s.prompt: next(each for each in s.options if each != known[s.id].answer) for s in samples
    }
    assert all(
        row["scores"]["accuracy"] for row in measured(tmp_path / "right", samples, said(right))
    )
    assert not any(
        row["scores"]["accuracy"] for row in measured(tmp_path / "wrong", samples, said(wrong))
    )


def test_by_letter_the_choices_are_listed(world: Path, tmp_path: Path) -> None:
    by_text = {sample.id: sample for sample in MultipleChoice(n=100).samples(world)}
    samples = list(MultipleChoice(n=100, by="letter").samples(world))
    places = {sample.example.answer for sample in samples}
    assert places == {"A", "B", "C", "D"}
    for sample in samples:
        other = by_text[sample.id]
        lines = sample.prompt.text.removeprefix(other.prompt.text).split("\n")
        letters = {line[0]: line[3:] for line in lines[1:-1]}
        assert tuple(letters) == sample.options and tuple(letters.values()) == other.options
        assert letters[sample.example.answer] == other.example.answer
    right = {sample.prompt: sample.example.answer for sample in samples}
    assert all(
        row["scores"]["accuracy"] for row in measured(tmp_path / "right", samples, said(right))
    )


def test_rows_with_choices_of_their_own(tmp_path: Path) -> None:
    rows = [
        {"question": f"Number {i}?", "choices": ["a", "b", "c", "d"], "answer": i % 4}
        for i in range(8)
    ]
    (tmp_path / "exam.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = tmp_path / "data"
    data.mkdir()
    JsonLines(path=str(tmp_path / "exam.jsonl")).run(data)
    samples = list(MultipleChoice().samples(data))
    assert len(samples) == 8 and all(sample.options == ("A", "B", "C", "D") for sample in samples)
    found = measured(tmp_path / "b", samples, lambda prompt: "B")
    assert {row["prompt"][0]["content"][:9]: row["scores"]["accuracy"] for row in found} == {
        f"Number {i}?"[:9]: i % 4 == 1 for i in range(8)
    }


def test_mass_is_what_all_options_have(world: Path) -> None:
    sample = next(iter(MultipleChoice(n=1).samples(world)))
    asked = Sample(
        "a", "questions", sample.prompt, sample.example, options=("x", sample.example.answer)
    )
    found = MultipleChoice().score(asked, Reply("", logprobs=(-2.0, -1.0)))
    assert found["accuracy"] is True and found["mass"] == pytest.approx(0.5032, abs=1e-4)


def test_apart() -> None:
    assert apart("4", "5") and not apart("4", "42") and not apart("42", "4") and not apart("4", "4")


def test_another_way_of_asking_is_refused() -> None:
    with pytest.raises(SettingError, match="by=letter or by=text"):
        MultipleChoice(by="colour")  # pyright: ignore[reportArgumentType]


def test_any_causal_lm(world: Path, foreign: dict[str, Path], tmp_path: Path) -> None:
    for kind, folder in foreign.items():
        for by in ("text", "letter"):
            out = tmp_path / f"{kind} {by}"
            out.mkdir()
            MultipleChoice(n=3, by=by).run(out, model=folder, data=world)
            rows = [each for _, each in read_jsonl(out / "replies.jsonl")]
            assert len(rows) == 3 and all(0 < each["scores"]["mass"] <= 1 for each in rows)
