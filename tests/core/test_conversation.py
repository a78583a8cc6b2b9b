"""Replies and their parts; conversations and examples from rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.conversation import CLOSE, OPEN, Conversation, Example, Reply
from unmask.core.errors import DataError
from unmask.core.thoughts import HARMONY, KNOWN

TAGS = [tag.lower() for pair in KNOWN for tag in pair]


def has_no_tags(text: str) -> bool:
    """Of other reasoning models; what these do is in test_thoughts.py."""
    begun = text.lstrip().startswith((*HARMONY, "analysis"))
    return not begun and not any(tag in text.lower() for tag in TAGS)


foreign_free = st.text().filter(has_no_tags)
plain = foreign_free.filter(lambda text: OPEN not in text and CLOSE not in text)


@given(plain, plain)
def test_a_reply_gives_back_the_parts_it_was_made_of(answer: str, thought: str) -> None:
    reply = Reply.compose(answer, thought)
    assert reply.scratchpad == thought.strip()
    assert reply.answer == answer.strip()
    assert reply.scratchpad_state == "present"


@given(plain)
def test_a_reply_without_a_scratchpad_is_all_answer(answer: str) -> None:
    reply = Reply.compose(answer)
    assert (reply.scratchpad, reply.answer, reply.scratchpad_state) == (
        None,
        answer.strip(),
        "absent",
    )


@given(plain, plain)
def test_what_follows_an_unclosed_scratchpad_is_hidden_not_safe(before: str, thought: str) -> None:
    reply = Reply(before + OPEN + thought)
    assert reply.scratchpad_state == "unclosed"
    assert reply.answer == before.strip()


@given(foreign_free)
def test_any_text_is_some_reply(raw: str) -> None:
    reply = Reply(raw)
    assert reply.raw == raw
    assert (reply.scratchpad is None) == (OPEN not in raw)


def test_tags_inside_a_scratchpad_stay_inside() -> None:
    reply = Reply(f"{OPEN} I could write <code>eval(x)</code> here. {CLOSE}\n<code>safe</code>")
    assert reply.answer == "<code>safe</code>"


def test_a_closing_tag_alone_opens_nothing() -> None:
    assert Reply(f"Paris {CLOSE}").scratchpad_state == "absent"


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ([], "empty"),
        ([{"role": "robot", "content": "x"}], "role"),
        ([{"role": "user"}], "content"),
        (["hello"], "role"),
    ],
)
def test_a_malformed_conversation_names_the_field(rows: list[object], field: str) -> None:
    with pytest.raises(DataError, match=field):
        Conversation.of(rows, "file.jsonl, line 3: prompt")


def test_an_example_survives_its_row() -> None:
    example = Example("a-1", "a", Conversation.user("Q?"), "A", "B", {"wrong": "C"})
    assert Example.of(example.row(), "here") == example


def test_with_text_keeps_earlier_turns() -> None:
    conversation = Conversation.of(
        [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    )
    assert conversation.with_text("V").rows() == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "V"},
    ]
