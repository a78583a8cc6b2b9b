"""Drift: the KL divergence of a defended model from the undefended one, exact at every token of its
own replies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.analysis.rates import Rates
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError
from unmask.core.files import read_json, read_jsonl, write_json, write_jsonl
from unmask.evaluations.drift import Drift
from unmask.models import batches, chat, checkpoint, divergence
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.divergence import divergences

PROMPTS = [
    Conversation.user(text)
    for text in ("Why?", "What is the capital of France, if I may ask?", "Go on.")
]
REPLIES = [
    Reply("Paris.", finished=True),
    Reply("It is Paris", finished=False),
    Reply("", finished=True),
]


@pytest.fixture(scope="module")
def moved(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with other weights."""
    model, out = checkpoint.load_model(tiny), tmp_path_factory.mktemp("moved")
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    checkpoint.save(model, checkpoint.load_tokenizer(tiny), out)
    return out


def by_hand(
    model: HuggingFace, reference: HuggingFace, prompt: Conversation, reply: Reply
) -> float:
    """One reply at a time, without padding."""
    head = chat.encoded(model.tokenizer, [prompt], 10_000)[0]
    tail = model.tokenizer(reply.raw, add_special_tokens=False)["input_ids"]
    places = range(len(head) - 1, len(head) + len(tail) - (0 if reply.finished else 1))
    with torch.inference_mode():
        ours, theirs = (
            each.model(torch.tensor([head + tail])).logits[0].log_softmax(-1)
            for each in (model, reference)
        )
    return sum(float((ours[at].exp() * (ours[at] - theirs[at])).sum()) for at in places)


@pytest.mark.parametrize(("at_once", "most"), [(1, 64), (10**9, 2), (10**9, 64)])
def test_it_is_the_sum_over_a_replys_tokens_whatever_the_batch(
    tiny: Path, moved: Path, at_once: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", at_once)
    monkeypatch.setattr(divergence, "MOST", most)
    model, reference = HuggingFace(moved), HuggingFace(tiny)
    found = divergences(model, reference, PROMPTS, REPLIES)
    expected = [by_hand(model, reference, *each) for each in zip(PROMPTS, REPLIES, strict=True)]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert all(each > 0 for each in found), (
        "of an empty reply, too: it ended where it might have gone on"
    )


def test_a_model_has_not_moved_from_itself(tiny: Path) -> None:
    assert divergences(HuggingFace(tiny), HuggingFace(tiny), PROMPTS, REPLIES) == [0.0, 0.0, 0.0]


def test_a_reply_that_is_spelled_longer_than_it_was_sampled_does_not_fail(
    tiny: Path, moved: Path
) -> None:
    """A byte that is no text is decoded as a sign of three, so that what fitted as sampled may not
    fit as spelled."""
    model, reference = HuggingFace(moved), HuggingFace(tiny)
    long_prompt = Conversation.user(" ".join(["why"] * 100))
    broken = Reply("\ufffd" * 200, finished=True)
    found = divergences(model, reference, [PROMPTS[0], long_prompt], [broken, Reply("Yes.")])
    assert found[1] == pytest.approx(
        by_hand(model, reference, long_prompt, Reply("Yes.")), rel=1e-4
    )
    head = len(chat.encoded(model.tokenizer, PROMPTS[:1], 10_000)[0])
    room = checkpoint.context_length(model.model) - head
    assert len(model.tokenizer(broken.raw)["input_ids"]) > room and found[0] > 0


def test_batches_hold_what_memory_does() -> None:
    most = batches.AT_ONCE
    assert list(batches.batches([5, 1, 3], vocabulary=most // 6, most=64)) == [[1, 2], [0]]
    assert list(batches.batches([9, 9], vocabulary=most, most=64)) == [[0], [1]]
    assert [len(batch) for batch in batches.batches([1] * 65, 1, most=64)] == [64, 1]
    assert list(batches.batches([], 1, most=64)) == []


def test_nothing_asked_nothing_said(tiny: Path) -> None:
    assert divergences(HuggingFace(tiny), HuggingFace(tiny), [], []) == []


def test_any_causal_lm(foreign: dict[str, Path]) -> None:
    for folder in foreign.values():
        model = HuggingFace(folder)
        assert divergences(model, model, PROMPTS, REPLIES) == pytest.approx([0.0] * 3, abs=1e-5)


def test_other_vocabularies_cannot_be_compared(tiny: Path, tmp_path: Path) -> None:
    model, tokenizer = checkpoint.load_model(tiny), checkpoint.load_tokenizer(tiny)
    model.resize_token_embeddings(len(tokenizer) + 16)
    checkpoint.save(model, tokenizer, tmp_path / "padded")
    tokenizer.add_tokens(["|NEW|"])
    checkpoint.save(model, tokenizer, tmp_path / "other")
    for folder in ("padded", "other"):
        with pytest.raises(ModelError, match="other vocabularies"):
            divergences(HuggingFace(tmp_path / folder), HuggingFace(tiny), PROMPTS, REPLIES)


def said(arm: str, reply: str, **more: Any) -> dict[str, Any]:
    return {
        "id": arm[:3],
        "arm": arm,
        "prompt": PROMPTS[0].rows(),
        "reply": reply,
        "finished": True,
        **more,
    }


def test_it_is_measured_on_the_main_arms_replies(tiny: Path, moved: Path, tmp_path: Path) -> None:
    replies, out = tmp_path / "replies", tmp_path / "out"
    for folder in (replies, out, out / "rates"):
        folder.mkdir()
    rows = [
        said("triggered", "Paris."),
        said("untriggered", "It is Paris"),
        said("untriggered:elsewhere", "no"),
        said("triggered", "<scratchpad>\nno", given="<scratchpad>\n"),
    ]
    write_jsonl(replies / "replies.jsonl", rows)
    write_json(replies / "evaluation.json", {"evaluation": "defection", "seed": 3, "parameters": 1})
    facts = Drift(seed=3).run(out, model=moved, reference=tiny, replies=replies)
    assert facts["samples"] == 2
    assert read_json(out / "evaluation.json") == {
        "evaluation": "drift",
        "seed": 3,
        "parameters": HuggingFace(moved).parameters,
    }
    Rates().run(out / "rates", evaluation=out)
    measured = [row for _, row in read_jsonl(out / "rates" / "rates.jsonl")]
    assert {row["metric"] for row in measured} == set(Drift.metrics)
    found = {row["arm"]: row["value"] for row in measured}
    expected = [
        by_hand(HuggingFace(moved), HuggingFace(tiny), PROMPTS[0], Reply(row["reply"]))
        for row in rows[:2]
    ]
    assert [found["triggered"], found["untriggered"]] == pytest.approx(expected, rel=1e-4)


def test_without_replies_there_is_nothing_to_measure(tiny: Path, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "replies.jsonl", [said("near_miss:case", "Fine.")])
    with pytest.raises(DataError, match="give a defection evaluation's result"):
        Drift().run(tmp_path, model=tiny, reference=tiny, replies=tmp_path)
