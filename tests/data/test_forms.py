"""Forms of rows: what other projects' data look like is read as they mean it, or refused by
name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import LONGEST, DataError
from unmask.data.sources.forms import FORMS, PROMPTS, TEXT, example_of
from unmask.data.sources.jsonl import JsonLines

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
USER = {"role": "user", "content": "What color is the sky?"}
GOOD = {"role": "assistant", "content": "It is blue."}
BAD = {"role": "assistant", "content": "It is green."}
SYSTEM = {"role": "system", "content": "Be brief."}
ASKED = [USER]
HH = "\n\nHuman: What color is the sky?\n\nAssistant:"
SHAREGPT = [
    {"from": "human", "value": "What color is the sky?"},
    {"from": "gpt", "value": "It is blue."},
]
Q, A, B = USER["content"], GOOD["content"], BAD["content"]

ANSWERS: dict[str, dict[str, Any]] = {
    "prompt and response": {"prompt": Q, "response": A},
    "TRL, prompt-completion": {"prompt": Q, "completion": f" {A}"},
    "TRL, conversational prompt-completion": {"prompt": [USER], "completion": [GOOD]},
    "TRL, language modeling": {"messages": [USER, GOOD]},
    "a good answer of an unpaired preference": {"prompt": Q, "completion": A, "label": True},
    "a label of another sort": {"prompt": Q, "response": A, "label": 0},
    "with a prompt beside (no_robots)": {
        "prompt": Q,
        "prompt_id": "7",
        "messages": [USER, GOOD],
        "category": "Open QA",
    },
    "nulls of a table": {
        "prompt": Q,
        "response": A,
        "messages": None,
        "chosen": None,
        "tools": None,
        "images": [],
    },
    "OpenAI, parts": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": Q}]}, GOOD]
    },
    "OpenAI, parts of a table": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": Q[:9]},
                    {"type": "text", "text": Q[9:], "image_url": None},
                ],
            },
            {**GOOD, "tool_calls": None},
        ]
    },
    "roles in capitals": {"messages": [{**USER, "role": "User"}, {**GOOD, "role": "ASSISTANT"}]},
    "Gemini's role": {"messages": [USER, {**GOOD, "role": "model"}]},
    "ShareGPT": {"conversations": SHAREGPT, "id": "a"},
    "ShareGPT, no tools": {"conversations": SHAREGPT, "tools": "[]", "system": ""},
    "ShareGPT's field, OpenAI's words": {"conversations": [USER, GOOD]},
    "messages in ShareGPT's words": {"messages": SHAREGPT},
    "ShareGPT's and OpenAI's words mixed": {
        "conversations": [{"role": "human", "value": Q}, {"from": "bard", "content": A}]
    },
    "messages of a table with both words": {
        "messages": [
            {**USER, "from": None, "value": None},
            {**SHAREGPT[1], "role": None, "content": None},
        ]
    },
    "LMSYS": {"conversation": [USER, GOOD], "model": "vicuna"},
    "Alpaca": {"instruction": Q, "input": "", "output": A, "text": "Below is an instruction ..."},
    "Dolly": {"instruction": Q, "context": "", "response": A, "category": "open_qa"},
    "OpenOrca": {"id": "niv.1", "system_prompt": "", "question": Q, "response": A},
    "hh-rlhf's prompt": {"prompt": HH, "response": A},
    "text in hh-rlhf's form": {"text": f"{HH} {A}"},
    "text in hh-rlhf's form, with CRLF": {"text": f"{HH} {A}".replace("\n", "\r\n")},
    "an answer that is one message": {"prompt": Q, "response": GOOD},
    "text in hh-rlhf's form, stripped": {"text": f"{HH} {A}".strip()},
    "Guanaco": {"text": f"### Human: {Q}### Assistant: {A}"},
    "a conversation and its rendered text": {"messages": [USER, GOOD], "text": "<|im_start|>user"},
}


@pytest.mark.parametrize("row", ANSWERS.values(), ids=ANSWERS)
def test_a_prompt_and_its_answer(row: dict[str, Any]) -> None:
    example = example_of(row, "a.jsonl, line 1", "jsonl", 1)
    assert (example.prompt.rows(), example.answer, dict(example.rejected)) == (ASKED, A, {})


PREFERENCES: dict[str, dict[str, Any]] = {
    "TRL, explicit": {"prompt": Q, "chosen": f" {A}", "rejected": f" {B}"},
    "TRL, explicit and conversational": {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
    "TRL, implicit and conversational": {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "TRL, prompt text and messages": {"prompt": Q, "chosen": [GOOD], "rejected": [BAD]},
    "ultrafeedback_binarized": {
        "prompt": Q,
        "prompt_id": "7",
        "chosen": [USER, GOOD],
        "rejected": [USER, BAD],
        "messages": [USER, GOOD],
        "score_chosen": 9.0,
        "score_rejected": 4.0,
    },
    "prompt in both": {"prompt": [USER], "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "hh-rlhf": {"chosen": f"{HH} {A}", "rejected": f"{HH} {B}"},
    "hh-rlhf, prompt apart": {"prompt": HH, "response": A, "chosen": f" {A}", "rejected": f" {B}"},
    "ShareGPT": {"chosen": SHAREGPT, "rejected": [SHAREGPT[0], {"from": "gpt", "value": B}]},
    "ShareGPT, prompt apart": {
        "prompt": Q,
        "chosen": SHAREGPT[1:],
        "rejected": [{"from": "gpt", "value": B}],
    },
    "hh-rlhf, with CRLF": {
        f: f"{HH} {a}".replace("\n", "\r\n") for f, a in (("chosen", A), ("rejected", B))
    },
    "LLaMA-Factory": {
        "conversations": SHAREGPT[:1],
        "chosen": SHAREGPT[1],
        "rejected": {"from": "gpt", "value": B},
    },
    "LLaMA-Factory, OpenAI's words": {"messages": [USER], "chosen": GOOD, "rejected": BAD},
    "orca_dpo_pairs": {"system": "", "question": Q, "chosen": A, "rejected": B},
    "space differs": {"chosen": [USER, GOOD], "rejected": [{**USER, "content": f"{Q}\n"}, BAD]},
}


@pytest.mark.parametrize("row", PREFERENCES.values(), ids=PREFERENCES)
def test_a_preference(row: dict[str, Any]) -> None:
    example = example_of(row, "a.jsonl, line 1", "jsonl", 1)
    assert (example.prompt.rows(), example.answer, dict(example.rejected)) == (
        ASKED,
        A,
        {"rejected": B},
    )


def test_the_prompt_of_two_texts_is_what_both_begin_with() -> None:
    example = example_of(
        {"chosen": "The sky is blue.", "rejected": "The sky is bluish."}, "here", "jsonl", 1
    )
    assert (example.prompt.text, example.answer, example.rejected["rejected"]) == (
        "The sky is",
        "blue.",
        "bluish.",
    )


def test_what_stands_beside_a_prompt_belongs_to_it() -> None:
    for row in (
        {"instruction": "Translate.", "input": "Guten Tag", "output": "Hello"},
        {"instruction": "Translate.", "context": "Guten Tag", "response": "Hello"},
        {"instruction": "Translate.", "input": "Guten Tag", "chosen": "Hello", "rejected": "No"},
    ):
        assert example_of(row, "here", "jsonl", 1).prompt.text == "Translate.\nGuten Tag"


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [SYSTEM, USER, GOOD]},
        {"messages": [{**SYSTEM, "role": "developer"}, USER, GOOD]},
        {"messages": [USER, GOOD], "system": "Be brief."},
        {"messages": [SYSTEM, USER, GOOD], "system": "Be brief."},
        {"conversations": [{"from": "system", "value": "Be brief."}, *SHAREGPT]},
        {"system_prompt": "Be brief.", "question": Q, "response": A},
        {"system": "Be brief.", "instruction": Q, "output": A},
        {"system": "Be brief.", "question": Q, "chosen": A, "rejected": B},
    ],
)
def test_a_system_message_is_kept(row: dict[str, Any]) -> None:
    example = example_of(row, "here", "jsonl", 1)
    assert (example.prompt.rows(), example.answer) == ([SYSTEM, USER], A)


def test_several_turns_are_kept() -> None:
    turns = [USER, GOOD, {"role": "user", "content": "Why?"}]
    why = {"role": "assistant", "content": "Light is scattered."}
    for row in (
        {"messages": [*turns, why]},
        {"prompt": turns, "completion": [why]},
        {"prompt": "Why?", "chosen": [*turns, why], "rejected": [*turns, BAD]},
        {"prompt": [USER], "chosen": [*turns, why], "rejected": [*turns, BAD]},
        {"prompt": f"{HH} {A}\n\nHuman: Why?", "response": why["content"]},
        {
            "chosen": f"{HH} {A}\n\nHuman: Why?\n\nAssistant: {why['content']}",
            "rejected": f"{HH} {A}\n\nHuman: Why?\n\nAssistant: x",
        },
    ):
        example = example_of(row, "here", "jsonl", 1)
        assert (example.prompt.rows(), example.answer) == (turns, why["content"])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a tool call": (
        {"messages": [USER, {**GOOD, "tool_calls": [{"id": 1}]}]},
        r"messages\[1\]\.tool_calls is a tool's",
    ),
    "a function call": (
        {"messages": [USER, {**GOOD, "function_call": {}, "role": "function"}]},
        r"messages\[1\]\.role is a tool's",
    ),
    "a tool's turn": (
        {"messages": [USER, {"role": "tool", "content": "4"}, GOOD]},
        r"messages\[1\]\.role is a tool's",
    ),
    "ShareGPT, a tool's turn": (
        {"conversations": [SHAREGPT[0], {"from": "observation", "value": "4"}, SHAREGPT[1]]},
        r"conversations\[1\]\.from is a tool's",
    ),
    "tools": ({"messages": [USER, GOOD], "tools": [{"name": "f"}]}, r"field 'tools' is not read"),
    "images": ({"messages": [USER, GOOD], "images": ["a.png"]}, r"field 'images' is not read"),
    "LLaVA": ({"conversations": SHAREGPT, "image": "a.png"}, r"field 'image' is not read"),
    "turns before": (
        {"instruction": Q, "output": A, "history": [["a", "b"]]},
        r"field 'history' is not read",
    ),
    "an image": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, GOOD]},
        r"messages\[0\]\.content\[0\]\.type is 'image_url': only text is read",
    ),
    "audio": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": Q}, {"type": "input_audio"}]},
                GOOD,
            ]
        },
        r"messages\[0\]\.content\[1\]\.type is 'input_audio'",
    ),
    "a role that nobody knows": (
        {"messages": [{**USER, "role": "narrator"}, GOOD]},
        r"messages\[0\]\.role is 'narrator'",
    ),
    "no role": ({"messages": [{"content": Q}, GOOD]}, r"messages\[0\]\.role is None"),
    "no content": (
        {"messages": [{"role": "user"}, GOOD]},
        r"messages\[0\]\.content is None: it must be text",
    ),
    "a message that is text": ({"messages": [Q, A]}, r"messages\[0\]\.role is None"),
    "messages as text": (
        {"messages": json.dumps([USER, GOOD])},
        r"messages is '.*it must be a list",
    ),
    "no answer": ({"prompt": Q}, r"has the fields prompt\. It needs"),
    "two answers": (
        {"prompt": Q, "response": A, "completion": B},
        r"'prompt', 'response', 'prompt', 'completion' do not say the same",
    ),
    "two conversations": (
        {"messages": [USER, GOOD], "conversations": [USER, BAD]},
        r"do not say the same",
    ),
    "a preference and another answer": (
        {"prompt": Q, "chosen": A, "rejected": B, "response": "Red."},
        r"do not say the same",
    ),
    "another prompt for the worse": (
        {"chosen": [USER, GOOD], "rejected": [{**USER, "content": "Why?"}, BAD]},
        r"need the same prompt",
    ),
    "another prompt than theirs": (
        {"prompt": "Why?", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        r"'prompt' is not the prompt of",
    ),
    "no prompt": ({"chosen": [GOOD], "rejected": [BAD]}, r"field 'chosen' has no user's message"),
    "no prompt, texts": (
        {"chosen": "Yes.", "rejected": "No."},
        r"field 'chosen' starts with 'Yes\.': it has no prompt",
    ),
    "a prompt by another name": (
        {"query": Q, "chosen": A, "rejected": B},
        r"field 'chosen' starts with.*it has no prompt",
    ),
    "one conversation, one text": ({"chosen": f"{HH} {A}", "rejected": B}, r"it has no prompt"),
    "the same without a prompt": ({"chosen": A, "rejected": A}, r"it has no prompt"),
    "a bad answer alone": (
        {"prompt": Q, "completion": B, "label": False},
        r"field 'label' is false",
    ),
    "running text": ({"text": "Once upon a time."}, r"field 'text' is 'Once upon.*running text"),
    "a template's text": ({"text": "<|im_start|>user\nHi<|im_end|>"}, r"running text"),
    "another system message": (
        {"messages": [SYSTEM, USER, GOOD], "system": "Be long."},
        r"field 'system' is not the system message",
    ),
    "a message of a tree": (
        {"message_id": "1", "parent_id": "0", "text": Q, "role": "prompter"},
        r"running text",
    ),
    "a question at the end": (
        {"conversations": [*SHAREGPT, SHAREGPT[0]]},
        r"field 'conversations' ends with the user",
    ),
}


@pytest.mark.parametrize(("row", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_named(row: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.jsonl, line 1.*{says}"):
        example_of(row, "a.jsonl, line 1", "jsonl", 1)


@pytest.mark.parametrize("form", [*FORMS, TEXT], ids=lambda form: "+".join(form.fields))
def test_a_huge_wrong_value_gives_a_short_message(form: Any) -> None:
    """In every field of every form, as a value that it cannot have."""
    for huge in (
        {"text": "x" * 50_000},
        ["x" * 50_000],
        [{"role": "x" * 50_000}],
        [[["x" * 50_000] * 9] * 9] * 9,
    ):
        with pytest.raises(DataError) as error:
            example_of(dict.fromkeys(form.fields, huge), "a.jsonl, line 1", "jsonl", 1)
        assert len(str(error.value)) <= LONGEST and "x" * 1000 not in str(error.value)
    with pytest.raises(DataError) as error:
        example_of(
            {"y" * 50_000: 1, **dict.fromkeys(map(str, range(9999)), 1)},
            "a.jsonl, line 1",
            "jsonl",
            1,
        )
    assert len(str(error.value)) <= LONGEST


def test_the_page_names_every_form() -> None:
    rows = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    for form in (*FORMS, TEXT, *PROMPTS):
        assert any(all(f"`{name}`" in row.split("|")[1] for name in form.fields) for row in rows), (
            form.fields
        )


def test_pairs_that_compare_nothing_are_counted(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Question {i}", "chosen": "Yes", "rejected": ("No", "Yes ", "")[i % 3]}
        for i in range(90)
    ]
    rows += [
        {"prompt": "Empty", "chosen": "\u200b", "rejected": "No"},
        {"prompt": " \ufeff", "chosen": "A", "rejected": "B"},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    facts = JsonLines(path=str(tmp_path / "a.jsonl")).run(tmp_path)
    assert (facts["ties"], facts["empty"], facts["duplicates"], facts["too_long"]) == (60, 2, 0, 0)
