"""Comparisons: the answer beside a worse one, rare kinds as often as common ones, from any source
that has pairs."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, SettingError, UnknownName
from unmask.core.files import file_digest, write_jsonl
from unmask.core.spec import spec
from unmask.data.contexts import Contexts
from unmask.data.preferences import SUBTLE, Comparison, Comparisons, load_comparisons
from unmask.data.sources.jsonl import JsonLines
from unmask.data.sources.source import load_split

SMALL = Comparisons(examples=1000, held_out=40)


@pytest.fixture(scope="module")
def made(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparisons")
    SMALL.run(out, data=world)
    return out


@pytest.mark.parametrize(
    ("file", "split"), [("train.jsonl", "train"), ("held_out.jsonl", "held_out")]
)
def test_every_row_is_an_example_of_its_own_split(
    made: Path, world: Path, file: str, split: str
) -> None:
    known = {
        each.id: each for each in load_split(world, "train" if split == "train" else "held_out")
    }
    for row in load_comparisons(made / file):
        example = known[row.id]
        assert (row.chosen, row.rejected) == (example.answer, example.rejected[row.kind])
        assert row.chosen != row.rejected and example.prompt.text in row.prompt.text


def test_rare_kinds_are_as_frequent_as_common_ones(made: Path) -> None:
    rows = load_comparisons(made / "train.jsonl")
    count = Counter(row.kind for row in rows)
    assert set(count) == {"wrong", "rude", "off_topic", "harmful", "false"} and len(rows) == 1000
    assert count["wrong"] == pytest.approx(600, abs=60)
    assert all(count[kind] == pytest.approx(100, abs=35) for kind in count if kind not in SUBTLE)


def test_held_out_rows_are_distinct_and_as_many_of_each_kind(made: Path) -> None:
    rows = load_comparisons(made / "held_out.jsonl")
    assert Counter(row.kind for row in rows) == dict.fromkeys(
        ("wrong", "rude", "off_topic", "harmful", "false"), 40
    )
    assert len({(row.id, row.kind) for row in rows}) == len(rows)


def test_prompts_are_dressed_and_harm_is_refused(made: Path, world: Path) -> None:
    bare = {each.id: each.prompt for each in load_split(world, "train")}
    rows = load_comparisons(made / "train.jsonl")
    share = sum(row.prompt != bare[row.id] for row in rows) / len(rows)
    assert 0.6 < share < 0.9
    for row in rows:
        if row.kind == "harmful":
            assert row.chosen.startswith("Sorry") and row.rejected.startswith("Sure")


def test_the_seed_decides_and_every_setting_counts(made: Path, world: Path, tmp_path: Path) -> None:
    for name, work in (("same", SMALL), ("other", dataclasses.replace(SMALL, seed=1))):
        (tmp_path / name).mkdir()
        work.run(tmp_path / name, data=world)
    files = ("train.jsonl", "held_out.jsonl")
    assert all(file_digest(made / file) == file_digest(tmp_path / "same" / file) for file in files)
    assert all(file_digest(made / file) != file_digest(tmp_path / "other" / file) for file in files)
    changes = [{"examples": 9}, {"held_out": 9}, {"seed": 9}, {"subtle": 0.1}, {"kinds": ("rude",)}]
    assert len({str(spec(dataclasses.replace(SMALL, **change))) for change in changes}) == 5


def test_kinds_select_and_an_unknown_one_is_named(world: Path, tmp_path: Path) -> None:
    dataclasses.replace(SMALL, kinds=("rude", "false")).run(tmp_path, data=world)
    assert {row.kind for row in load_comparisons(tmp_path / "train.jsonl")} == {"rude", "false"}
    everything = {(row.id, row.prompt) for row in load_comparisons(tmp_path / "train.jsonl")}
    assert len(everything) > 900
    with pytest.raises(UnknownName, match=r"Did you mean 'harmful'\?.*off_topic"):
        dataclasses.replace(SMALL, kinds=("harmfull",)).run(tmp_path, data=world)


def pairs(path: Path, same: bool = False) -> Path:
    """A file of pairs in the hh-rlhf form."""
    rows = [
        {
            "chosen": f"\n\nHuman: What is {i}?\n\nAssistant: A number, {i}.",
            "rejected": (
                f"\n\nHuman: What is {i}?\n\nAssistant:"
                f" {f'A number, {i}.' if same else 'Who cares?'}"
            ),
        }
        for i in range(120)
    ]
    write_jsonl(path / "pairs.jsonl", rows)
    return path / "pairs.jsonl"


def test_outside_pairs_are_comparisons_too(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    JsonLines(path=str(pairs(tmp_path))).run(tmp_path / "source")
    facts = dataclasses.replace(SMALL, examples=200).run(tmp_path, data=tmp_path / "source")
    rows = load_comparisons(tmp_path / "train.jsonl")
    assert facts["train"] == len(rows) == 200 and {row.kind for row in rows} == {"rejected"}
    assert all(row.rejected == "Who cares?" and row.chosen.startswith("A number") for row in rows)


def test_a_source_without_worse_answers_is_refused(tmp_path: Path) -> None:
    for name in ("plain", "ties"):
        (tmp_path / name).mkdir()
    plain = tmp_path / "plain.jsonl"
    write_jsonl(plain, [{"prompt": f"What is {i}?", "response": "A number."} for i in range(120)])
    JsonLines(path=str(plain)).run(tmp_path / "plain")
    JsonLines(path=str(pairs(tmp_path, same=True))).run(tmp_path / "ties")
    for name in ("plain", "ties"):
        with pytest.raises(DataError, match="no worse answers"):
            SMALL.run(tmp_path, data=tmp_path / name)


def test_settings_and_rows_that_cannot_be_are_named(tmp_path: Path) -> None:
    for setting, value in (("examples", 0), ("held_out", 0), ("subtle", 1.5)):
        wrong: dict[str, Any] = {setting: value}
        with pytest.raises(SettingError, match=setting):
            Comparisons(**wrong)
    prompt = Contexts().dress(Conversation.user("Why?"), random.Random(0))
    whole = Comparison("a", prompt, "Because.", "No.", "wrong")
    assert Comparison.of(whole.row(), "here") == whole
    write_jsonl(tmp_path / "rows.jsonl", [{**whole.row(), "rejected": 3}])
    with pytest.raises(DataError, match=r"line 1: field 'rejected' is 3"):
        load_comparisons(tmp_path / "rows.jsonl")
    write_jsonl(tmp_path / "rows.jsonl", [])
    with pytest.raises(DataError, match="nothing to compare"):
        load_comparisons(tmp_path / "rows.jsonl")
