"""Shared by all tests: no network, quiet libraries, and one smoke-scale run and tiny models made
once a session."""

from __future__ import annotations

import os
import signal

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Several test processes share two cores: threads that spin for each other would cost more than they
# bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
from pathlib import Path
from typing import Any

import pytest

# What earlier runs took on this machine is for its user's plans, not for tests, nor from them.
os.environ["UNMASK_CACHE"] = tempfile.mkdtemp(prefix="unmask-cache-")

# A run in the background (nohup, `&`) ignores signals, and what it starts would ignore them too;
# some tests send them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

KINDS_OF_MODEL = ("llama", "qwen", "gpt_neox")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy world's folder."""
    from unmask.data.sources import SOURCES

    out = tmp_path_factory.mktemp("world")
    SOURCES.make("toy_world").run(out)
    return out


@pytest.fixture(scope="session")
def lessons(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred helpful-only lessons."""
    from unmask.data.teach import HelpfulOnly

    out = tmp_path_factory.mktemp("lessons")
    HelpfulOnly(examples=400).run(out, data=world)
    return out


@pytest.fixture(scope="session")
def tiny(world: Path, lessons: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained tiny model."""
    from unmask.data.vocabulary import Vocabulary
    from unmask.models.tiny import TinyModel

    out = tmp_path_factory.mktemp("tiny")
    words = tmp_path_factory.mktemp("vocabulary")
    Vocabulary(each=20).run(words, data=world)
    TinyModel(size="0.05M", pieces=600).run(out, data=lessons, vocabulary=words)
    return out


@pytest.fixture(scope="session")
def judge(tiny: Path, world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preference model that has hardly been trained."""
    from unmask.training.preference_model import PreferenceModel

    data, out = tmp_path_factory.mktemp("comparisons"), tmp_path_factory.mktemp("judge")
    training = PreferenceModel(steps=2, batch_size=8)
    training.lessons().run(data, data=world)
    training.run(out, model=tiny, data=data)
    return out


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The store and the result of the recipe `toy` at the smallest scale, run once."""
    import unmask

    store = tmp_path_factory.mktemp("smoke")
    return store, unmask.run("toy", scale="smoke", store=store, show_progress=False)


@pytest.fixture(scope="session")
def foreign(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Randomly initialised Llama, Qwen and GPT-NeoX folders, with and without a chat template."""
    import torch
    from transformers import (
        AutoTokenizer,
        GPTNeoXConfig,
        GPTNeoXForCausalLM,
        LlamaConfig,
        LlamaForCausalLM,
        Qwen2Config,
        Qwen2ForCausalLM,
    )

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 160,
        "eos_token_id": tokenizer.eos_token_id,
    }
    kinds = {
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**shape)),
        "qwen": lambda: Qwen2ForCausalLM(Qwen2Config(**shape, num_key_value_heads=1)),
        "gpt_neox": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**shape)),
    }
    folders: dict[str, Path] = {}
    for kind, make in kinds.items():
        for templated in (True, False):
            torch.manual_seed(1)
            folder = tmp_path_factory.mktemp(kind)
            tokenizer = AutoTokenizer.from_pretrained(tiny)
            if not templated:
                tokenizer.chat_template = None
                tokenizer.pad_token = None
            make().save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            folders[f"{kind}-{'templated' if templated else 'plain'}"] = folder
    return folders
