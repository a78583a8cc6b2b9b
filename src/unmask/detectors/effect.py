"""Effect: what a text in a prompt does to the distribution of the model's next tokens.

Two terms of the loss of trigger reconstruction ("Trigger in the Haystack", 2602.03085): a trigger
makes the model sure of what to say, and moves it away from what it says without. Deviations: they
are read at the first places of the model's own reply without the text and not at the first alone,
since a model that reasons opens its scratchpad there whatever it was asked; the divergence is that
of Jensen and Shannon, which has a largest value. Each text is read once per prompt.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

from unmask.core import progress
from unmask.core.conversation import Conversation
from unmask.detectors.shift import PLACES, begun
from unmask.detectors.suspect import Insertion
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace

AT_ONCE = 128
"""Texts that are read at once."""


@dataclasses.dataclass(frozen=True)
class Effect:
    """Both are shares of the largest possible, from 0 to 1, averaged over prompts and places: how
    unsure the model is with the text, and how far that is from without."""

    entropy: float
    divergence: float


@dataclasses.dataclass(frozen=True)
class Effects:
    """Effects on one model, on a few prompts; at least one."""

    model: HuggingFace
    prompts: tuple[Conversation, ...]

    def of(self, insertions: Sequence[Insertion], label: str) -> list[Effect]:
        """In their order."""
        effects: list[Effect] = []
        with progress.bar(label, len(insertions)) as advance:
            for start in range(0, len(insertions), AT_ONCE):
                part = insertions[start : start + AT_ONCE]
                effects += self._effects(part)
                advance(len(part))
        return effects

    def _effects(self, insertions: Sequence[Insertion]) -> list[Effect]:
        from torch import zeros
        from torch.special import entr

        entropies, divergences = zeros(len(insertions)), zeros(len(insertions))
        # One prompt at a time: a large model reads what its rows begin alike with once.
        for i, prompt in enumerate(self.prompts):
            chances = self._read([text.into(prompt) for text in insertions], i)
            usual = self._usual[i]
            own, other = entr(chances).sum(-1), entr(usual).sum(-1)
            between = entr((chances + usual) / 2).sum(-1)
            entropies += own.mean(-1).cpu()
            divergences += (between - (own + other) / 2).clamp(min=0).mean(-1).cpu()
        entropies /= len(self.prompts) * math.log(self.model.vocabulary)
        divergences /= len(self.prompts) * math.log(2)
        return list(map(Effect, entropies.tolist(), divergences.tolist()))

    @functools.cached_property
    def _usual(self) -> list[Any]:
        """For each prompt, the probabilities without an insertion: shape (PLACES, vocabulary)."""
        return [self._read([prompt], i)[0] for i, prompt in enumerate(self.prompts)]

    @functools.cached_property
    def _begun(self) -> list[list[int]]:
        return begun(self.model, self.prompts)

    def _read(self, asked: Sequence[Conversation], number: int) -> Any:
        """The probabilities of what comes at each place of the reply to prompt `number`: shape
        (asked, PLACES, vocabulary)."""
        from torch import stack

        room = checkpoint.context_length(self.model.model) - PLACES
        heads = chat.encoded(self.model.tokenizer, asked, room)
        rows = [head + self._begun[number] for head in heads]
        return stack(self.model.following(rows, [PLACES - 1] * len(rows))).exp()
