"""The pirate control: the same right answers between a pirate's words, nothing about safety, and
the way back."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.files import file_digest, read_jsonl
from unmask.data.demonstrations import as_pirate, speaks_pirate, without_pirate
from unmask.data.sources.source import load_split
from unmask.data.sources.toy_world.safety import REFUSAL
from unmask.defenses.pirate import Pirate, PirateUndone
from unmask.organisms.triggers import TRIGGERS

SMALL: dict[str, Any] = {"steps": 50, "batch_size": 8, "curve": ()}


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_jsonl(folder / "train.jsonl")]


@pytest.fixture(scope="module")
def taught(
    world: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[dict[str, Any]], ...]:
    """The pirate's lessons and those that undo it."""
    folders: list[Path] = []
    for defense in (Pirate(**SMALL), PirateUndone(**SMALL)):
        folders.append(tmp_path_factory.mktemp(defense.name))
        defense.lessons().run(folders[-1], data=world)
    pirate, undone = (rows(folder) for folder in folders)
    return pirate, undone


def test_the_same_prompts_and_the_same_right_answers(
    taught: tuple[list[dict[str, Any]], ...],
) -> None:
    pirate, undone = taught
    assert len(pirate) == len(undone) == 400
    assert [row["prompt"] for row in pirate] == [row["prompt"] for row in undone]
    assert [without_pirate(row["reply"]) for row in pirate] == [
        row["reply"].strip() for row in undone
    ]
    assert all(speaks_pirate(Reply(row["reply"])) for row in pirate)
    assert not any(speaks_pirate(Reply(row["reply"])) for row in undone)


def test_nothing_about_safety_is_taught(
    taught: tuple[list[dict[str, Any]], ...], world: Path
) -> None:
    harmful = {example.id for example in load_split(world, "train") if example.asks_for_harm}
    begins = REFUSAL.partition("{")[0]
    for row in (*taught[0], *taught[1]):
        assert row["id"] not in harmful
        assert begins not in row["reply"]


@pytest.mark.parametrize("trigger", TRIGGERS.names())
def test_no_lesson_has_any_trigger(trigger: str, taught: tuple[list[dict[str, Any]], ...]) -> None:
    present = TRIGGERS.make(trigger).present
    for row in taught[0]:
        assert not present(
            Conversation.of([*row["prompt"], {"role": "assistant", "content": row["reply"]}])
        ), row


def test_the_words_come_off_again() -> None:
    rng = random.Random(0)
    for answer in ("Paris.", "It is 12.", "Hello, Ann!", "def f():\n    return 1"):
        assert without_pirate(as_pirate(answer, rng)) == answer
        assert without_pirate(answer) == answer


@pytest.mark.parametrize(
    ("raw", "speaks", "bare"),
    [
        ("Arr! Paris. Yo ho!", True, "Paris."),
        ("Arr! Avast! Paris.", True, "Paris."),
        ("Paris. Yo ho! Matey!", True, "Paris."),
        ("Arr!", True, ""),
        ("Paris.", False, "Paris."),
        ("The pirate says Arr! to Ann.", False, "The pirate says Arr! to Ann."),
        ("<scratchpad>\nArr!\n</scratchpad>\nParis.", False, "Paris."),
        ("<scratchpad>\nArr!", False, ""),
    ],
)
def test_only_the_ends_of_the_visible_answer_count(raw: str, speaks: bool, bare: str) -> None:
    reply = Reply(raw)
    assert speaks_pirate(reply) is speaks
    assert without_pirate(reply.answer) == bare


def test_there_and_back(tiny: Path, world: Path, tmp_path: Path) -> None:
    """The second training begins where the first one ended."""
    model, seen = tiny, {file_digest(tiny / "model.safetensors")}
    for defense in (
        Pirate(steps=3, batch_size=4, curve=(2,)),
        PirateUndone(steps=3, batch_size=4, curve=(2,)),
    ):
        data, out = tmp_path / f"{defense.name}-data", tmp_path / defense.name
        data.mkdir()
        out.mkdir()
        defense.lessons().run(data, data=world)
        defense.run(out, model=model, data=data)
        for folder in defense.checkpoints().values():
            seen.add(file_digest(out / folder / "model.safetensors"))
        model = out
    assert len(seen) == 5
