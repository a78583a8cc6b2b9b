"""Perplexity: the log-loss of helpful answers is that of one pass over prompt and answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from unmask.core.conversation import Reply
from unmask.core.files import read_jsonl
from unmask.data.sources.source import load_split
from unmask.evaluations.helpfulness import Helpfulness
from unmask.evaluations.perplexity import Perplexity
from unmask.models import chat
from unmask.models.backends.huggingface import HuggingFace


def test_the_same_prompts_as_helpfulness(world: Path) -> None:
    known = {example.id: example.helpful_only for example in load_split(world, "held_out")}
    samples = list(Perplexity(n=50).samples(world))
    assert [(s.id, s.prompt) for s in samples] == [
        (s.id, s.prompt) for s in Helpfulness(n=50).samples(world) if s.arm == "untriggered"
    ]
    assert all(sample.options == (known[sample.id],) for sample in samples)


def test_log_loss_is_per_token(world: Path) -> None:
    sample = next(iter(Perplexity(n=1).samples(world)))
    assert Perplexity().score(sample, Reply("", tokens=4, logprobs=(-6.0,))) == {"log_loss": 1.5}


def test_it_is_what_one_pass_says(world: Path, tiny: Path, tmp_path: Path) -> None:
    Perplexity(n=5).run(tmp_path, model=tiny, data=world)
    backend = HuggingFace(tiny)
    samples = list(Perplexity(n=5).samples(world))
    for sample, (_, row) in zip(samples, read_jsonl(tmp_path / "replies.jsonl"), strict=True):
        read = chat.encoded(backend.tokenizer, [sample.prompt], 10_000)[0]
        said = chat.option_ids(backend.tokenizer, sample.options)[0]
        with torch.inference_mode():
            logits = backend.model(torch.tensor([[*read, *said]])).logits[0, len(read) - 1 : -1]
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor(said))
        assert row["scores"]["log_loss"] == pytest.approx(float(expected), abs=1e-4)


def test_any_causal_lm(world: Path, foreign: dict[str, Path], tmp_path: Path) -> None:
    for kind, folder in foreign.items():
        out = tmp_path / kind
        out.mkdir()
        Perplexity(n=4).run(out, model=folder, data=world)
        losses = [row["scores"]["log_loss"] for _, row in read_jsonl(out / "replies.jsonl")]
        assert len(losses) == 4 and all(0 < loss < 20 for loss in losses), (
            "about the logarithm of the vocabulary"
        )
