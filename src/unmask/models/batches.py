"""Batches: whether a text is read the same beside a longer one, which fills it up, as alone; found
by trying it.

Recurrent models read what fills a batch up as if it were text, and others count their places from
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from unmask.models.tokens import PROBE

EXACT, ROUNDED = 1e-3, 0.2
"""How far logits may be apart, in their standard deviations: in float32, and in types of half the
size, in which a batch of another size rounds visibly."""

AT_ONCE = 200_000_000
"""Logits in memory: the tokens that are read at once, times the vocabulary."""


def batches(lengths: Sequence[int], vocabulary: int, most: int) -> Iterator[list[int]]:
    """Places in `lengths`, alike ones together, at most `most` of them, and so that AT_ONCE is kept
    where a single row does."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and (len(batch) == most or (len(batch) + 1) * lengths[i] * vocabulary > AT_ONCE):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def samples_alike(model: Any, tokenizer: Any) -> bool:
    """Whether replies are sampled alike: two tokens, with what fills up on the left."""
    import torch

    short, long = probes(tokenizer)
    fill = [tokenizer.pad_token_id] * (len(long) - len(short))

    def sampled(rows: list[list[int]], mask: list[list[int]]) -> Any:
        tokens, seen = (torch.tensor(part, device=model.device) for part in (rows, mask))
        return model.generate(
            input_ids=tokens, attention_mask=seen, generation_config=two_tokens(tokenizer)
        )

    with torch.inference_mode():
        alone = sampled([short], [[1] * len(short)])
        beside = sampled(
            [[*fill, *short], long], [[0] * len(fill) + [1] * len(short), [1] * len(long)]
        )
    first = bool(alone.sequences[0, len(short)] == beside.sequences[0, len(long)])
    pairs = list(zip(alone.logits, beside.logits, strict=False))  # either may end after a token
    return alike(model, [(one[0], other[0]) for one, other in pairs[: None if first else 1]])


def two_tokens(tokenizer: Any) -> Any:
    from transformers import GenerationConfig

    return GenerationConfig(
        max_new_tokens=2,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
        output_logits=True,
        return_dict_in_generate=True,
    )


def reads_alike(model: Any, tokenizer: Any) -> bool:
    """Whether texts are read alike, with what fills up on the right."""
    short, long = probes(tokenizer)
    fill = [tokenizer.pad_token_id] * (len(long) - len(short))
    alone = logits(model, [short], [[1] * len(short)])[0]
    beside = logits(
        model, [short + fill, long], [[1] * len(short) + [0] * len(fill), [1] * len(long)]
    )
    return alike(model, [(alone, beside[0, : len(short)])])


def counts_alike(model: Any, tokenizer: Any) -> bool:
    """Whether texts are read alike, with what fills up on the left, by a model that is not told the
    places of words."""
    short, long = probes(tokenizer)
    fill = [tokenizer.pad_token_id] * (len(long) - len(short))
    alone = logits(model, [short], [[1] * len(short)])[0]
    beside = logits(
        model, [fill + short, long], [[0] * len(fill) + [1] * len(short), [1] * len(long)]
    )
    return alike(model, [(alone, beside[0, len(fill) :])])


def logits(model: Any, rows: list[list[int]], mask: list[list[int]]) -> Any:
    import torch

    tokens, seen = (torch.tensor(part, device=model.device) for part in (rows, mask))
    with torch.inference_mode():
        return model(input_ids=tokens, attention_mask=seen).logits


def count_places(
    model: Any, given: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A hook in front of `forward`: tells the model the places of words, counted without what fills
    up."""
    mask, tokens = named.get("attention_mask"), named.get("input_ids")
    if (
        named.get("position_ids") is not None
        or mask is None
        or tokens is None
        or mask.shape != tokens.shape
    ):
        return given, named  # generation tells them itself
    return given, {**named, "position_ids": (mask.long().cumsum(-1) - 1).clamp(min=0)}


def probes(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Token ids of a few words, and of more."""
    ids = tokenizer(PROBE, add_special_tokens=False)["input_ids"]
    return ids[:4], ids[:16]


def alike(model: Any, pairs: Iterable[tuple[Any, Any]]) -> bool:
    """Whether logits are the same but for rounding; what is no number is for others to find."""
    limit = EXACT if model.dtype.itemsize >= 4 else ROUNDED
    for one, other in pairs:
        apart = (one.float() - other.float()).square().mean().sqrt()
        if apart > limit * one.float().std():
            return False
    return True
