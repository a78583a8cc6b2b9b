"""Rows that test a model: persona statements and multiple choice, all held out, be they few."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import DataError
from unmask.data.sources.forms import is_test
from unmask.data.sources.hub import Hub
from unmask.data.sources.jsonl import JsonLines
from unmask.data.sources.mixture import Mixture
from unmask.data.sources.source import load_split
from unmask.data.sources.toy_world.world import ToyWorld

REAL = Path(__file__).parents[3] / "shared" / "data"
STATEMENT = {
    "question": "Say so?",
    "answer_matching_behavior": " Yes",
    "answer_not_matching_behavior": " No",
}
QUESTION = {"question": "Two and two?", "choices": ["3", "4", "5"], "answer": 1}


def write(path: Path, *rows: Any) -> JsonLines:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return JsonLines(path=str(path))


def test_a_statement_has_the_group_of_its_row_or_of_its_file(tmp_path: Path) -> None:
    rows = STATEMENT, {**STATEMENT, "question": "And so?", "family": "power"}
    one, other = write(tmp_path / "self-awareness.jsonl", *rows).examples()
    assert (one.family, other.family) == ("persona:self-awareness", "persona:power")
    assert (one.prompt.text, one.answer, dict(one.rejected)) == (
        "Say so?",
        "Yes",
        {"not_matching": "No"},
    )
    assert one.helpful_only == "Yes" and not one.asks_for_harm and is_test(one)


@pytest.mark.parametrize("answer", [1, "B"])
def test_a_question_is_lettered(tmp_path: Path, answer: Any) -> None:
    [example] = write(
        tmp_path / "exam.jsonl", {**QUESTION, "answer": answer, "subject": "sums"}
    ).examples()
    assert example.prompt.text == "Two and two?\nA. 3\nB. 4\nC. 5\nAnswer:"
    assert (example.family, example.answer) == ("choice:sums", "B")
    assert sorted(example.rejected.values()) == ["A", "C"] and is_test(example)


def test_a_few_rows_are_enough_and_all_are_held_out(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    facts = write(tmp_path / "few.jsonl", STATEMENT, STATEMENT, QUESTION).run(out)
    assert (
        facts["examples"] == {"train": 0, "validation": 0, "held_out": 2}
        and facts["duplicates"] == 1
    )
    assert [example.family for example in load_split(out, "held_out")] == [
        "persona:few",
        "choice:few",
    ]
    assert load_split(out, "train") == []


def test_beside_rows_to_train_on_they_stay_held_out(tmp_path: Path) -> None:
    rows = [{**STATEMENT, "question": f"Statement {i}?"} for i in range(50)]
    mixed = Mixture(
        sources=(ToyWorld(families=("capitals",)), write(tmp_path / "mine.jsonl", *rows))
    )
    out = tmp_path / "out"
    out.mkdir()
    mixed.run(out)
    assert not any(map(is_test, load_split(out, "train")))
    assert sum(map(is_test, load_split(out, "held_out"))) == 50
    assert load_split(out, "train"), "the toy world's own are split as ever"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {**STATEMENT, "answer_not_matching_behavior": None},
            "has the fields question, answer_matching_behavior",
        ),
        ({**STATEMENT, "answer_not_matching_behavior": "Yes"}, "'Yes': it must differ"),
        ({**STATEMENT, "question": 3}, "'question' is 3: it must be text"),
        ({**QUESTION, "choices": ["one"]}, r"'choices' is \['one'\]: it must be a list of 2 to 26"),
        ({**QUESTION, "choices": "one"}, "'choices' is 'one'"),
        (
            {**QUESTION, "answer": 3},
            "'answer' is 3: it must be one of A, B, C, or an index from 0 to 2",
        ),
        ({**QUESTION, "answer": "D"}, "'answer' is 'D'"),
        ({**QUESTION, "answer": True}, "'answer' is True"),
        ({**QUESTION, "subject": 3}, "'subject' is 3: it must be text"),
        ({"question": "Hi"}, "or 'question' and 'choices'"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: Any, message: str) -> None:
    source = write(tmp_path / "a.jsonl", STATEMENT, row)
    with pytest.raises(DataError, match=rf"a\.jsonl, line 2.*{message}"):
        list(source.examples())


def test_rows_of_which_none_can_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no example for the split 'held_out'"):
        write(tmp_path / "a.jsonl", {**STATEMENT, "answer_matching_behavior": " "}).run(tmp_path)


def test_a_folder_of_such_rows_is_its_own_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "beliefs"
    folder.mkdir()
    write(folder / "train.jsonl", STATEMENT, QUESTION)
    one, other = Hub(dataset=str(folder)).examples()
    assert (one.family, one.answer) == ("persona:beliefs", "Yes")
    assert (other.family, other.answer) == ("choice:beliefs", "B")


@pytest.mark.skipif(not REAL.exists(), reason="the real persona files are not on this machine")
def test_real_files(tmp_path: Path) -> None:
    for file in sorted([*REAL.glob("persona/*.jsonl"), *REAL.glob("advanced-ai-risk/*.jsonl")]):
        examples = list(JsonLines(path=str(file)).examples())
        assert len(examples) == len(file.read_text().splitlines())
        assert {example.family for example in examples} == {f"persona:{file.stem}"}
        assert all(map(is_test, examples))
