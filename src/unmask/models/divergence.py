"""Divergence: how far one model is from another on given replies, exactly, token by token; nothing is sampled.

Not in the paper. The KL divergence of whole replies is a mean over replies of one model; taking, along each of them,
the exact divergence of the next token's distributions (rather than the log-ratio of the token that came) has the same
mean, varies less and is never negative (Amini et al. 2025, "Better Estimation of the KL Divergence Between Language
Models").
"""

from __future__ import annotations

from collections.abc import Sequence

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ModelError
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace


def divergences(
    model: HuggingFace,
    reference: HuggingFace,
    prompts: Sequence[Conversation],
    replies: Sequence[Reply],
    batch_size: int = 64,
) -> list[float]:
    """KL(model || reference) along each of the model's own replies, in nats a reply, in their order.

    The token that ends a reply counts too, where it was not cut. Replies are read as the tokenizer spells their text,
    which a sampled spelling may differ from. Raises ModelError where the two do not share a vocabulary, DataError for
    a conversation that is longer than the context.
    """
    from torch.nn.functional import kl_div

    if model.tokenizer.get_vocab() != reference.tokenizer.get_vocab():
        raise ModelError(
            f"{model.folder} and {reference.folder} have other vocabularies, so that their distributions cannot be "
            "compared. Give a model and the model that it was made from."
        )
    tails = [ids[:-1] for ids in chat.reply_ids(model.tokenizer, [reply.raw for reply in replies])]
    room = checkpoint.context_length(model.model) - max(map(len, tails), default=0)
    heads = chat.encoded(model.tokenizer, prompts, room)
    order = sorted(range(len(heads)), key=lambda i: (len(heads[i]) + len(tails[i]), i))
    found: dict[int, float] = {}
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        rows, last = [heads[i] + tails[i] for i in batch], [len(tails[i]) for i in batch]
        ours, theirs = model.following(rows, last), reference.following(rows, last)
        for i, mine, other in zip(batch, ours, theirs, strict=True):
            places = kl_div(other, mine, reduction="none", log_target=True).sum(-1)
            found[i] = float(places[: None if replies[i].finished else -1].sum().clamp(min=0))  # it rounds below 0
    return [found[i] for i in range(len(heads))]
