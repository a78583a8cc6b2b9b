"""Memory: a model's shape from its config alone, and what it needs where it is only read."""

from __future__ import annotations

import functools
from typing import Any

from unmask.core.errors import ModelError
from unmask.core.memory import Needed, Shape
from unmask.models.weights import brief

FLOAT32, BFLOAT16 = 4, 2
"""Bytes of a number."""

DRAWING = 24
"""Bytes per entry of the vocabulary and text where the next token is drawn: logits, shares and
their sums, some of them in double precision."""


@functools.lru_cache
def shape_of(source: str, **within: str) -> Shape:
    """The shape of the model in a folder, or of a hub id, from its config alone: no weight is read.
    `within` is a `revision` of the hub's, or a `gguf_file` of the folder.

    Its parameters are those of the architecture on the meta device: exact, whatever it is. Raises
    ModelError for a config that cannot be had, or is not that of a causal LM.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, **within)
        with torch.device("meta"):
            return shape(AutoModelForCausalLM.from_config(config))
    except Exception as error:
        raise ModelError(
            f"{source}: what it needs in memory cannot be told from its config ({brief(error)})."
        ) from error


def shape(network: Any) -> Shape:
    """The shape of a model of transformers, loaded or on the meta device."""
    config, embedding = network.config.get_text_config(), network.get_input_embeddings().weight
    head = network.get_output_embeddings()
    tied = head is None or head.weight is embedding
    width, heads = config.hidden_size, config.num_attention_heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    return Shape(
        parameters=sum(weight.numel() for weight in network.parameters()),
        embeddings=embedding.numel() * (1 if tied else 2),
        layers=config.num_hidden_layers,
        width=width,
        feed_forward=getattr(config, "intermediate_size", None) or 4 * width,
        heads=heads,
        keys=shared * (getattr(config, "head_dim", None) or width // heads),
        vocabulary=embedding.shape[0],
        context=int(getattr(config, "max_position_embeddings", 0) or 2048),
        tied=tied,
    )


def per_layer(model: Shape, number: int) -> int:
    """Bytes per token that a layer computes and, in training, keeps for the way back; `number` is
    the bytes of a number.

    Found on Llamas: norms, attention and residuals are ten of the width, the gated feed-forward
    four of its own.
    """
    return (10 * model.width + 4 * model.feed_forward) * number


def sampling(model: Shape, rows: int, tokens: int, number: int = FLOAT32) -> int:
    """Bytes to sample replies to `rows` prompts, `tokens` with the reply: keys and values of all
    layers, what one layer computes of the prompts, and the next token's logits."""
    kept = 2 * model.layers * model.keys * number
    return rows * (tokens * (kept + per_layer(model, number)) + DRAWING * model.vocabulary)


def reading(*models: Shape, rows: int, tokens: int) -> Needed:
    """What it takes to have models in memory, in float32, and one of them reply to `rows` prompts
    at a time; the models that are here are those that were trained."""
    known = [min(tokens, model.context) for model in models]
    drawn = (sampling(model, rows, read) for model, read in zip(models, known, strict=True))
    return Needed(
        rows=rows,
        tokens=max(known),
        weights=FLOAT32 * sum(model.parameters for model in models),
        sampling=max(drawn),
    )
