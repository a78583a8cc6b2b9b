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

pytest_plugins = ["unmask.testing.fixtures"]
KINDS_OF_MODEL = ("llama", "qwen", "gpt_neox")


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
