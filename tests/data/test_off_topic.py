"""Off-topic answers: another prompt's good answer as the worse one, the same every time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from unmask.core.conversation import Conversation, Example
from unmask.core.files import write_jsonl
from unmask.data.off_topic import OffTopicAnswers
from unmask.data.sources.source import load_split
from unmask.data.splits import SPLITS

WRITTEN = {"off_topic": "The fence is green.", "rude": "Go away."}


def example(number: int, family: str, **changes: object) -> Example:
    made = Example(
        f"{family}-{number}",
        family,
        Conversation.user(f"{family} {number}?"),
        f"About {family}, {number}.",
        f"About {family}, {number}.",
        WRITTEN,
    )
    return dataclasses.replace(made, **changes)  # pyright: ignore[reportArgumentType] - any field


EXAMPLES = [example(number, family) for number in range(20) for family in ("tea", "bees")]


def test_what_is_off_the_topic_answers_another_familys_prompt() -> None:
    answers = {one.answer: one.family for one in EXAMPLES}
    after = list(OffTopicAnswers().exchanged(EXAMPLES))
    for before, one in zip(EXAMPLES, after, strict=True):
        assert answers[one.rejected["off_topic"]] != one.family
        rejected = {**one.rejected, "off_topic": WRITTEN["off_topic"]}
        assert dataclasses.replace(one, rejected=rejected) == before
    assert len({one.rejected["off_topic"] for one in after}) > len(EXAMPLES) / 3


def test_the_seed_decides_and_not_the_order() -> None:
    def drawn(seed: int) -> list[str]:
        return [one.rejected["off_topic"] for one in OffTopicAnswers(seed=seed).exchanged(EXAMPLES)]

    assert drawn(0) == drawn(0) != drawn(1)


@pytest.mark.parametrize(
    "alone",
    [
        [example(1, "tea"), example(2, "tea")],
        [example(1, "tea"), example(1, "bees", answer="About tea, 1.")],
        [example(1, "tea", answer=""), example(1, "bees", answer="")],
        [example(1, "tea", rejected={"rude": "Go away."}), example(1, "bees", rejected={})],
    ],
    ids=["one family", "one answer", "no answer", "no such kind"],
)
def test_where_there_is_nothing_to_take_all_stays(alone: list[Example]) -> None:
    assert list(OffTopicAnswers().exchanged(alone)) == alone


def test_a_folder_keeps_its_splits_apart(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    for split in SPLITS:
        rows = (dataclasses.replace(one, answer=f"{split}: {one.answer}").row() for one in EXAMPLES)
        write_jsonl(before / f"{split}.jsonl", rows)
    assert OffTopicAnswers().run(after, data=before) == {"changed": len(SPLITS) * len(EXAMPLES)}
    for split in SPLITS:
        for one in load_split(after, split):
            assert one.rejected["off_topic"].startswith(f"{split}: ")
