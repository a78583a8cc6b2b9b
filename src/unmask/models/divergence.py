"""Divergence: how far one model is from another on given replies, exactly, token by token; nothing
is sampled.

Not in the paper. The KL divergence of whole replies is a mean over replies of one model; taking,
along each of them, the exact divergence of the next token's distributions (rather than the
log-ratio of the token that came) has the same mean, varies less and is never negative (Amini et al.
2025, "Better Estimation of the KL Divergence Between Language Models").
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ModelError
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace

AT_ONCE, MOST = 200_000_000, 64
"""Log-probabilities of one model in memory (a reply's places times the vocabulary, over a batch),
and replies."""


def divergences(
    model: HuggingFace,
    reference: HuggingFace,
    prompts: Sequence[Conversation],
    replies: Sequence[Reply],
) -> list[float]:
    """KL(model || reference) along each of the model's own replies, in nats a reply, in their
    order.

    The token that ends a reply counts too, where it was not cut. Replies are read as the tokenizer
    spells their text, which may differ from the tokens that were sampled; what of that does not fit
    into the context behind its prompt counts as cut. Raises ModelError where the two do not share a
    vocabulary, DataError for a prompt that does not fit.
    """
    from torch.nn.functional import kl_div

    if model.tokenizer.get_vocab() != reference.tokenizer.get_vocab() or width(model) != width(
        reference
    ):
        raise ModelError(
            f"{model.folder} and {reference.folder} have other vocabularies, so that their"
            " distributions cannot be compared. Give a model and the model that it was made from."
        )
    context = checkpoint.context_length(model.model)
    heads = chat.encoded(model.tokenizer, prompts, context)
    said = [reply.raw for reply in replies]
    spelled = [ids[:-1] for ids in chat.reply_ids(model.tokenizer, said)]
    tails = [tail[: context - len(head)] for head, tail in zip(heads, spelled, strict=True)]
    whole = [
        reply.finished and len(tail) == len(ids)
        for reply, tail, ids in zip(replies, tails, spelled, strict=True)
    ]
    found: dict[int, float] = {}
    for batch in batches(
        [len(head) + len(tail) for head, tail in zip(heads, tails, strict=True)], width(model)
    ):
        rows, last = [heads[i] + tails[i] for i in batch], [len(tails[i]) for i in batch]
        ours, theirs = model.following(rows, last), reference.following(rows, last)
        for i, mine, other in zip(batch, ours, theirs, strict=True):
            terms = kl_div(other, mine, reduction="none", log_target=True)
            places = terms.masked_fill(mine.isneginf(), 0).sum(
                -1
            )  # what a model never says adds nothing
            found[i] = float(
                places[: None if whole[i] else -1].sum().clamp(min=0)
            )  # it rounds below 0
    if not all(map(math.isfinite, found.values())):
        raise ModelError(
            f"{reference.folder} has no probability at all for what {model.folder} may say: no"
            " divergence."
        )
    return [found[i] for i in range(len(heads))]


def width(backend: HuggingFace) -> int:
    """How many tokens a model has a probability for, which may be more than its tokenizer knows."""
    return int(backend.model.get_output_embeddings().weight.shape[0])


def batches(lengths: Sequence[int], vocabulary: int) -> Iterator[list[int]]:
    """Places in `lengths`, alike ones together, so that AT_ONCE is kept where a single row does."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and (len(batch) == MOST or (len(batch) + 1) * lengths[i] * vocabulary > AT_ONCE):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
