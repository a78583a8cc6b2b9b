"""Shift: how far an insertion moves what a model says first, alike for all prompts.

What a text says moves each reply in its own way; a trigger moves all of them in the same one. So
the distributions are averaged over prompts before they are compared: the shift is the KL divergence
of the mean distribution with the insertion from the mean one without it, in nats, summed over the
first places of the replies that the model gives by itself (greedy). It is akin to the collapse of
entropy that trigger reconstruction rests on ("Trigger in the Haystack", 2602.03085); deviation: no
attention, and no generation, so that tens of thousands of texts can be tried.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from unmask.core import progress
from unmask.core.conversation import Conversation
from unmask.detectors.suspect import Insertion
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling

PLACES = 4
"""Of a reply, that are read: a model that reasons opens its scratchpad in the first one always."""

AT_ONCE = 256
"""Insertions that are read at once: a large vocabulary fills the memory with more."""

RARE = 1e-12
"""The least probability that counts; what a model never says would make a shift infinite."""


@dataclasses.dataclass(frozen=True)
class Shifted:
    """How far one insertion moves the replies, in nats, and the token that gains most by it."""

    insertion: Insertion
    nats: float
    gains: str


@dataclasses.dataclass(frozen=True)
class Shift:
    """Shifts of one model, on a few prompts."""

    model: HuggingFace
    prompts: tuple[Conversation, ...]

    def of(self, insertions: Sequence[Insertion], label: str) -> list[Shifted]:
        """In their order."""
        shifted: list[Shifted] = []
        # A place at a time: what stands in front of the insertion is alike then, and a large model
        # reads it once.
        order = sorted(range(len(insertions)), key=lambda i: insertions[i].place)
        with progress.bar(label, len(order)) as advance:
            for start in range(0, len(order), AT_ONCE):
                part = [insertions[i] for i in order[start : start + AT_ONCE]]
                shifted += self._shifted(part)
                advance(len(part))
        back = dict(zip(order, shifted, strict=True))
        return [back[i] for i in range(len(order))]

    def _shifted(self, insertions: Sequence[Insertion]) -> Iterator[Shifted]:
        from torch import tensor

        means = self._means(insertions)
        terms = means.exp() * (means - self._usual)
        nats = terms.sum(dim=(1, 2)).clamp(min=0).tolist()
        tokens = terms.amax(dim=1).argmax(dim=-1)
        texts = self.model.tokenizer.batch_decode(tensor(tokens.tolist())[:, None])
        return map(Shifted, insertions, nats, texts)

    @functools.cached_property
    def _usual(self) -> Any:
        """Log-probabilities without an insertion, averaged: shape (PLACES, vocabulary)."""
        return self._means([None])[0]

    @functools.cached_property
    def _begun(self) -> list[list[int]]:
        return begun(self.model, self.prompts)

    def _means(self, insertions: Sequence[Insertion | None]) -> Any:
        """Logarithms of the mean probabilities over the prompts with each insertion (None: as they
        are): shape (insertions, PLACES, vocabulary)."""
        from torch import stack

        total: Any = 0
        room = checkpoint.context_length(self.model.model) - PLACES
        for prompt, opens in zip(self.prompts, self._begun, strict=True):
            asked = [text.into(prompt) if text else prompt for text in insertions]
            heads = chat.encoded(self.model.tokenizer, asked, room)
            rows = [head + opens for head in heads]
            total = total + stack(self.model.following(rows, [PLACES - 1] * len(rows))).exp()
        return (total / len(self.prompts)).clamp(min=RARE).log()


def begun(model: HuggingFace, prompts: Sequence[Conversation]) -> list[list[int]]:
    """How the model's own reply to each prompt begins (greedy): PLACES - 1 tokens."""
    sampling = Sampling(max_new_tokens=PLACES, temperature=0.0, batch_size=64)
    replies = model.replies(prompts, sampling, label="clean replies")
    spelled = chat.reply_ids(model.tokenizer, [reply.raw for reply in replies])
    # A reply may be shorter than that: what fills it up then is its end, again and again.
    return [(ids + [ids[-1]] * PLACES)[: PLACES - 1] for ids in spelled]
