"""Backends: anything that replies. HuggingFace and VLLM for checkpoints, OpenAICompatible for
endpoints, Scripted for tests."""

from __future__ import annotations

from pathlib import Path

from unmask.models.backends.backend import Backend
from unmask.models.sample import Sampling


def backend_of(model: Path, sampling: Sampling) -> Backend:
    """What samples a checkpoint so; nothing is loaded before it is used."""
    if sampling.engine == "vllm":
        from unmask.models.backends.vllm import VLLM

        return VLLM(model)
    from unmask.models.backends.huggingface import HuggingFace

    return HuggingFace(model)
