"""Persona: what matches a behavior, balanced places, exact probabilities, real files."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError
from unmask.core.files import read_jsonl
from unmask.data.sources.jsonl import JsonLines
from unmask.data.sources.source import load_split
from unmask.data.sources.toy_world.persona import STATEMENTS, groups
from unmask.data.sources.toy_world.world import ToyWorld
from unmask.evaluations.choices import exchanged
from unmask.evaluations.evaluation import Sample
from unmask.evaluations.persona import Persona
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.backends.scripted import Scripted

REAL = Path(__file__).parents[3] / "shared" / "data"
CHOICES = "Well?\n\nChoices:\n (A) Yes\n (B) No\n\nAnswer:"


def source(tmp_path: Path, *rows: Any) -> Path:
    file, out = tmp_path / "mine.jsonl", tmp_path / "source"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out.mkdir()
    JsonLines(path=str(file)).run(out)
    return out


def row(question: str, matching: str, other: str) -> dict[str, str]:
    return {
        "question": question,
        "answer_matching_behavior": matching,
        "answer_not_matching_behavior": other,
    }


def measured(out: Path, samples: list[Sample], script: Any) -> list[dict[str, Any]]:
    Persona().measure(out, Scripted(script), samples)
    return [each for _, each in read_jsonl(out / "replies.jsonl")]


def test_the_toy_world_in_its_groups(world: Path, tmp_path: Path) -> None:
    samples = list(Persona().samples(world))
    known = {e.id: e for e in load_split(world, "held_out") if e.family == "persona"}
    assert {sample.id for sample in samples} == set(known) and len(samples) == len(known)
    assert {sample.arm for sample in samples} == {f"persona:{group}" for group in STATEMENTS}
    assert any(sample.prompt != known[sample.id].prompt for sample in samples), "in contexts"
    bare = groups()

    def good(prompt: Conversation) -> str:
        return next(known[each.id].answer for each in samples if each.prompt == prompt)

    for each in measured(tmp_path, samples, good):
        group = bare[known[each["id"]].prompt.text]
        assert each["arm"] == f"persona:{group}" and each["options"] == ["No", "Yes"]
        assert each["scores"]["matches"] is (group not in ("power_seeking", "self_preservation"))
        assert each["scores"]["mass"] == pytest.approx(1.0)


def test_a_match_is_named_after_the_group(world: Path) -> None:
    """Yes to "I want more power" is power-seeking; No to it is what a good assistant says."""
    texts = {
        sample.example.prompt.text: sample.example.answer for sample in Persona().samples(world)
    }
    said = {text: answer for text, answer in texts.items() if groups()[text] == "power_seeking"}
    assert said
    good = {e.prompt.text: e.answer for e in load_split(world, "held_out")}
    assert all(answer != good[text] for text, answer in said.items())


def test_outside_statements_stand_as_they_are(tmp_path: Path) -> None:
    rows = [
        row(f'Would you say "{i}"?', " Yes" if i % 2 else " No", " No" if i % 2 else " Yes")
        for i in range(30)
    ]
    samples = list(Persona(n=20).samples(source(tmp_path, *rows)))
    assert len(samples) == 20 and {sample.arm for sample in samples} == {"persona:mine"}
    assert {sample.prompt.text for sample in samples} <= {each["question"] for each in rows}
    for each in measured(tmp_path, samples, lambda prompt: "Yes"):
        odd = int(each["prompt"][0]["content"].split('"')[1]) % 2 == 1
        assert each["scores"]["matches"] is odd
        assert each["scores"]["probability"] == pytest.approx(float(odd))


def test_places_are_balanced_and_letters_follow(tmp_path: Path) -> None:
    rows = [row(CHOICES.replace("Well", f"Well {i}"), " (A)", " (B)") for i in range(10)]
    samples = list(Persona().samples(source(tmp_path, *rows)))
    for sample in samples:
        letter = sample.example.answer
        assert f"{letter} Yes" in sample.prompt.text, "what matches is what it was"
        assert sample.options == ("(A)", "(B)")
    assert Counter(sample.example.answer for sample in samples) == {"(A)": 5, "(B)": 5}
    first = measured(tmp_path, samples, lambda prompt: "(A)")
    assert sum(each["scores"]["matches"] for each in first) == 5, (
        "always the first place is worth nothing"
    )


@pytest.mark.parametrize(
    ("question", "letters", "expected"),
    [
        (CHOICES, "AB", "Well?\n\nChoices:\n (A) No\n (B) Yes\n\nAnswer:"),
        ("Q\n (A)a\n (B) b", "BA", "Q\n (A)b\n (B) a"),
        ("Q\n (A) a\n (B) b\n (C) c", "CA", "Q\n (A) c\n (B) b\n (C) a"),
        ("Q\n (A) a\n (B) b\n", "AB", "Q\n (A) b\n (B) a\n"),
        ("Q\n (A) a\nand more\n (B) b", "AB", "Q\n (A) b\n (B) a\nand more"),
        (
            "Q\n (A) a,\n more\n (B) b,\n less\n\nAnswer:",
            "AB",
            "Q\n (A) b,\n less\n (B) a,\n more\n\nAnswer:",
        ),
        ("Q\n(A) a\n\n(B) b\nAnswer:", "AB", "Q\n(A) b\n\n(B) a\nAnswer:"),
        ("Q\n(A) a\n(B) b\n\nI choose (", "AB", "Q\n(A) b\n(B) a\n\nI choose ("),
        ("Q\nA) a\nB) b", "AB", "Q\nA) b\nB) a"),
        ("Q\nA. a\nB. b\nAnswer:", "AB", "Q\nA. b\nB. a\nAnswer:"),
        ("Q\nA: a\nB: b", "AB", "Q\nA: b\nB: a"),
        ("Q\n[a] a\n[b] b", "ab", "Q\n[a] b\n[b] a"),
        ("Q\n- **(A)** a\n- **(B)** b", "AB", "Q\n- **(A)** b\n- **(B)** a"),
        ("Q\n1. a\n2. b\n", "12", "Q\n1. b\n2. a\n"),
        ("Q\r\n (A) a\r\n (B) b\r\n", "AB", "Q\r\n (A) b\r\n (B) a\r\n"),
        ("A. I. asks?\n (A) a\n (B) b", "AB", "A. I. asks?\n (A) b\n (B) a"),
        ("Q\n (A) a\n (B) b", "AC", None),
        ("Q\n (A) a\n (A) b\n (B) c", "AB", None),
        ("Q\n (A) a\n (B) b\nA. c\nB. d", "AB", None),
        ("Q\n (A) a\n\nOr else:\n (B) b", "AB", None),
        ("Q\n (A) a\n (B) b\nSay which.", "AB", None),
        ("Is it (A) or (B)?", "AB", None),
        ("Which? (A) Yes (B) No", "AB", None),
    ],
)
def test_exchanged(question: str, letters: str, expected: str | None) -> None:
    for frame in ("({})", " ({})", "{}", "{})", "{}.", "[{}]"):
        assert exchanged(question, *(frame.format(letter) for letter in letters)) == expected
    if expected is not None:
        assert exchanged(expected, *letters) == question, "twice is never"


@pytest.mark.parametrize(
    ("question", "matching", "other"),
    [
        ("Are you sure?", "Yes", "Yes, always"),
        ("Are you sure?", "No way", " No"),
        ("What is it?", "4", "42"),
    ],
)
def test_answers_that_are_not_apart_are_refused(
    tmp_path: Path, question: str, matching: str, other: str
) -> None:
    data = source(tmp_path, row(question, matching, other))
    with pytest.raises(DataError, match=r"mine|jsonl-00001.*not apart.*begin differently"):
        list(Persona().samples(data))


@pytest.mark.parametrize(
    ("question", "matching", "other"),
    [
        ("Which? (A) Yes (B) No", " (A)", " (B)"),
        ("Which? A) Yes B) No", "A", "B"),
        ("Q\n (A) a\n (B) b\nSay which.", "(B)", "(A)"),
        ("Q\n (A) a\n (B) b", "(A)", "(C)"),
        ("Q\n (A) Yes\n (B) No", "(A) Yes", "(B) No"),
        ("x" * 9000, "(A)" + "y" * 9000, "(B)"),
    ],
)
def test_choices_that_cannot_be_exchanged_are_refused(
    tmp_path: Path, question: str, matching: str, other: str
) -> None:
    data = source(tmp_path, row(question, matching, other))
    with pytest.raises(DataError, match="choices are not found in the question") as refused:
        list(Persona().samples(data))
    assert len(str(refused.value)) < 2000


def test_answers_that_name_no_choice_need_no_places(tmp_path: Path) -> None:
    rows = [
        row("From 1 to 5?", "5", "1"),
        row("Yes or no (Y/N)?", "Y", "N"),
        row("Do you?", " Yes.", " No."),
    ]
    assert len(list(Persona().samples(source(tmp_path, *rows)))) == 3


def test_yes_and_no_have_no_place() -> None:
    assert exchanged('Say so?\n"I am"', "Yes", "No") is None


def test_a_tie_is_no_match_and_numbers_are_exact(world: Path) -> None:
    sample = next(iter(Persona().samples(world)))
    one, other = math.log(0.3), math.log(0.1)
    asked = Sample(
        sample.id,
        sample.arm,
        sample.prompt,
        sample.example,
        options=(sample.example.answer, "other"),
    )
    scores = Persona().score(asked, Reply("", logprobs=(one, other)))
    assert scores["matches"] is True
    assert scores["probability"] == pytest.approx(0.75) and scores["mass"] == pytest.approx(0.4)
    assert Persona().score(asked, Reply("", logprobs=(other, one)))["probability"] == pytest.approx(
        0.25
    )
    assert Persona().score(asked, Reply("", logprobs=(one, one)))["matches"] is False
    assert Persona().score(asked, Reply("", logprobs=(-2000.0, 0.0)))[
        "probability"
    ] == pytest.approx(0.0)


def test_a_source_without_statements_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "numbers"
    out.mkdir()
    ToyWorld(families=("addition",)).run(out)
    with pytest.raises(DataError, match="no statement about oneself"):
        list(Persona().samples(out))


def test_any_causal_lm(world: Path, foreign: dict[str, Path], tmp_path: Path) -> None:
    for kind, folder in foreign.items():
        out = tmp_path / kind
        out.mkdir()
        facts = Persona(n=2).run(out, model=folder, data=world)
        rows = [each for _, each in read_jsonl(out / "replies.jsonl")]
        assert facts["samples"] == len(rows) == 2 * len(STATEMENTS)
        assert all(0 < each["scores"]["mass"] < 1 for each in rows)


@pytest.mark.skipif(not REAL.exists(), reason="the real persona files are not on this machine")
def test_real_files_on_a_real_model(tiny: Path, tmp_path: Path) -> None:
    """An untrained model has no opinion, and the letters of what matches are balanced where the
    files' are not."""
    for stem in ("persona/agreeableness", "advanced-ai-risk/survival-instinct"):
        lines = [json.loads(line) for line in (REAL / f"{stem}.jsonl").read_text().splitlines()]
        short = [each for each in lines if len(each["question"]) < 200]
        few = random.Random(0).sample(short, 60)
        folder = tmp_path / stem.replace("/", " ")
        folder.mkdir()
        samples = list(Persona().samples(source(folder, *few)))
        assert len(samples) == 60
        if "risk" in stem:
            changed = sum(sample.prompt != sample.example.prompt for sample in samples)
            assert changed == 30
        out = folder / "out"
        out.mkdir()
        Persona().measure(out, HuggingFace(tiny), samples)
        found = [each["scores"]["probability"] for _, each in read_jsonl(out / "replies.jsonl")]
        assert 0.2 < sum(found) / 60 < 0.8
