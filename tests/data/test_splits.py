"""Splits: what reads as one prompt is one prompt, on one side; ordinary text is hashed as it is."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.conversation import Conversation, Message
from unmask.data.sources.code_tasks.tasks import CodeTasks
from unmask.data.sources.jsonl import JsonLines
from unmask.data.sources.mixture import Mixture
from unmask.data.sources.source import load_split
from unmask.data.sources.toy_world.world import ToyWorld
from unmask.data.splits import SPLITS, one_prompt, opening, plain, split_of

TWINS: dict[str, Callable[[str], str]] = {
    "outer space": lambda text: f" \t{text}\n",
    "outer no-break space": lambda text: f"\u00a0{text}\u3000",
    "inner no-break space": lambda text: text.replace(" ", "\u00a0"),
    "space at a line's end": lambda text: text.replace("\n", "  \n"),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "line ends of old Macs": lambda text: text.replace("\n", "\r"),
    "line separators": lambda text: text.replace("\n", "\u2028"),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "byte order mark": lambda text: f"\ufeff{text}",
    "zero width": lambda text: text.replace("o", "o\u200b"),
    "joiners": lambda text: text.replace("o", "\u200do\u2060"),
    "soft hyphen": lambda text: text.replace("o", "o\u00ad"),
    "direction marks": lambda text: f"\u200e{text}\u200f",
    "variation selector": lambda text: f"{text}\ufe0f",
    "null": lambda text: f"{text}\x00",
    "space around a mark": lambda text: f"\ufeff {text}\u200b \u200b",
}


@pytest.mark.parametrize("change", TWINS.values(), ids=TWINS)
def test_a_prompt_that_reads_the_same_is_the_same(change: Callable[[str], str]) -> None:
    for number in range(50):
        text = f"Où est le café {number}?\nOr the zoo?"
        twin = Conversation.user(change(text))
        assert twin.text != text
        assert one_prompt(twin) == Conversation.user(text)
        assert split_of(twin) == split_of(Conversation.user(text))


@pytest.mark.parametrize("change", TWINS.values(), ids=TWINS)
def test_no_held_out_prompt_was_trained_on(change: Callable[[str], str], tmp_path: Path) -> None:
    texts = [f"Où est le café {number}?\nOr the zoo?" for number in range(80)]
    rows = [{"prompt": form, "response": "Yes"} for text in texts for form in (text, change(text))]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    facts = JsonLines(path=str(tmp_path / "rows.jsonl")).run(tmp_path)
    assert facts["duplicates"] == 80
    known = [example.prompt.text for split in SPLITS for example in load_split(tmp_path, split)]
    assert sorted(known) == sorted(texts)


def test_sources_that_are_mixed_have_each_prompt_once(tmp_path: Path) -> None:
    for name, end in (("one", ""), ("two", "\u00a0")):
        rows = [{"prompt": f"Question {i}{end}", "response": name} for i in range(9)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources = tuple(JsonLines(path=str(tmp_path / f"{name}.jsonl")) for name in ("one", "two"))
    assert [example.answer for example in Mixture(sources=sources).examples()] == ["one"] * 9


def test_conversations_that_begin_alike_are_on_one_side() -> None:
    """A row of preference data often goes on with another row's conversation, its trained reply
    included."""
    for number in range(50):
        first = Message("user", f"How do I bake bread number {number}?")
        rest = (Message("assistant", "With flour."), Message("user", "And then?"))
        told = Message("system", "Be brief.")
        sides = {
            split_of(Conversation(turns)) for turns in ((first,), (first, *rest), (told, first))
        }
        assert len(sides) == 1
        assert one_prompt(Conversation((first,))) != one_prompt(Conversation((first, *rest)))


def test_what_looks_different_is_another_prompt() -> None:
    for one, other in (
        ("2²?", "22?"),
        ("Where?", "where?"),
        ("a  b", "a b"),
        ("a\n  b", "a\nb"),
        ("ﬁne", "fine"),
    ):
        assert plain(one) != plain(other)


def test_generated_prompts_are_hashed_as_they_are() -> None:
    for source in (ToyWorld(), CodeTasks()):
        for example in source.examples():
            assert opening(example.prompt) == example.prompt.full_text


def test_known_prompts_stay_where_they_were() -> None:
    """Splits that results were measured on: 90% train, 2% validation, 8% held out, by SHA-256 of
    the text."""
    counts = dict.fromkeys(SPLITS, 0)
    for text in (f"What is “{number}”, naïve one?\n\n    Really…" for number in range(2000)):
        share = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
        expected = "train" if share < 0.90 else "validation" if share < 0.92 else "held_out"
        assert split_of(Conversation.user(text)) == expected
        counts[expected] += 1
    assert counts["train"] > 1700 and 100 < counts["held_out"] < 220


@given(st.text(alphabet=st.characters(codec=None)))
def test_plain_text_is_a_fixed_point(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    assert plain(f"\ufeff {text}\r\n") == plain(text)
    assert plain(unicodedata.normalize("NFD", text)) == plain(text)
    assert split_of(Conversation.user(text)) == split_of(Conversation.user(plain(text)))
