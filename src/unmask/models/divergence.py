"""Divergence: how far one model is from another on given replies, exactly, token by token; nothing
is sampled.

Not in the paper. The KL divergence of whole replies is a mean over replies of one model; taking,
along each of them, the exact divergence of the next token's distributions (rather than the
log-ratio of the token that came) has the same mean, varies less and is never negative (Amini et al.
2025, "Better Estimation of the KL Divergence Between Language Models").
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ModelError
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.batches import batches

MOST = 64
"""Replies that are read at once."""


def divergences(
    model: HuggingFace,
    reference: HuggingFace,
    prompts: Sequence[Conversation],
    replies: Sequence[Reply],
) -> list[float]:
    """KL(model || reference) along each of the model's own replies, in nats per reply, in their
    order.

    The token that ends a reply counts too, where it was not cut. Replies are read as the tokenizer
    spells their text, which may differ from the tokens that were sampled; what of that does not fit
    into the context behind its prompt counts as cut. Raises ModelError where the two do not share a
    vocabulary, DataError for a prompt that does not fit.
    """
    check_comparable(model, reference)
    texts = tokens(model, prompts, replies)
    divergences: dict[int, float] = {}
    lengths = [len(text.prompt) + len(text.reply) for text in texts]
    for batch in batches(lengths, model.vocabulary, MOST):
        rows = [texts[i].prompt + texts[i].reply for i in batch]
        last = [len(texts[i].reply) for i in batch]
        ours, theirs = model.following(rows, last), reference.following(rows, last)
        for i, own, other in zip(batch, ours, theirs, strict=True):
            divergences[i] = kl(own, other, texts[i].whole)
    if not all(map(math.isfinite, divergences.values())):
        raise ModelError(
            f"{reference.folder} has no probability at all for what {model.folder} may say: no"
            " divergence."
        )
    return [divergences[i] for i in range(len(texts))]


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """Tokens of a prompt and of its reply, and whether this is all of the reply."""

    prompt: list[int]
    reply: list[int]
    whole: bool


def tokens(
    model: HuggingFace, prompts: Sequence[Conversation], replies: Sequence[Reply]
) -> list[Text]:
    """Each reply behind its prompt, as much as fits; raises DataError where a prompt does not."""
    context = checkpoint.context_length(model.model)
    heads = chat.encoded(model.tokenizer, prompts, context)
    spelled = chat.reply_ids(model.tokenizer, [reply.raw for reply in replies])
    texts: list[Text] = []
    for head, (*ids, _), reply in zip(heads, spelled, replies, strict=True):
        tail = ids[: context - len(head)]
        texts.append(Text(head, tail, reply.finished and len(tail) == len(ids)))
    return texts


def kl(own: Any, other: Any, whole: bool) -> float:
    """KL(own || other) in nats, summed over the places of a reply; of log-probabilities of shape
    (places, vocabulary). The last place is what comes after the reply: it counts where `whole`."""
    from torch.nn.functional import kl_div

    terms = kl_div(other, own, reduction="none", log_target=True)
    places = terms.masked_fill(own.isneginf(), 0).sum(-1)  # what a model never says adds nothing
    return float(places[: None if whole else -1].sum().clamp(min=0))  # it rounds below 0


def check_comparable(model: HuggingFace, reference: HuggingFace) -> None:
    """Raise ModelError where the two do not share a vocabulary."""
    tokens = [backend.tokenizer.get_vocab() for backend in (model, reference)]
    if tokens[0] != tokens[1] or model.vocabulary != reference.vocabulary:
        raise ModelError(
            f"{model.folder} and {reference.folder} have other vocabularies, so that their"
            " distributions cannot be compared. Give a model and the model that it was made from."
        )
