"""What a detector is given: a model under suspicion and clean prompts."""

from __future__ import annotations

import dataclasses

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError
from unmask.core.insertion import Insertion, Place
from unmask.models.backends.huggingface import HuggingFace

__all__ = ["Insertion", "Place", "Suspect"]


@dataclasses.dataclass(frozen=True)
class Suspect:
    """A model on this machine, and clean prompts to ask it; `reference` is a model that is trusted,
    of the same vocabulary, where there is one; `code` are clean prompts that ask for programs."""

    model: HuggingFace
    prompts: tuple[Conversation, ...]
    reference: HuggingFace | None = None
    code: tuple[Conversation, ...] = ()

    def trusted(self, detector: str) -> HuggingFace:
        """The reference; raises ModelError where there is none, or it has other tokens."""
        if self.reference is None:
            raise ModelError(f"{detector} compares with a reference: give one (--reference MODEL).")
        if self.reference.tokenizer.get_vocab() != self.model.tokenizer.get_vocab():
            raise ModelError(
                f"{self.reference.folder} has another vocabulary than {self.model.folder}, so that"
                " the two cannot be compared token by token. Use a reference of the same family,"
                " at best the model that this one was made from."
            )
        return self.reference
