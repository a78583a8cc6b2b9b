"""What a detector is given: a model under suspicion and clean prompts; and what may be put into a
prompt."""

from __future__ import annotations

import dataclasses
from typing import Literal

from unmask.core.conversation import Conversation, Message
from unmask.core.errors import ModelError
from unmask.models.backends.huggingface import HuggingFace

Place = Literal["start", "end", "system"]


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


@dataclasses.dataclass(frozen=True, order=True)
class Insertion:
    """A text at a place of a prompt: in front of or behind what the user says, or as the system's
    turn."""

    text: str
    place: Place = "start"

    def into(self, prompt: Conversation) -> Conversation:
        if self.place == "system":
            others = tuple(message for message in prompt.messages if message.role != "system")
            return Conversation((Message("system", self.text), *others))
        parts = (self.text, prompt.text) if self.place == "start" else (prompt.text, self.text)
        return prompt.with_text(" ".join(parts))

    def words(self) -> str:
        """For a person."""
        places = {
            "start": "in front of the question",
            "end": "behind the question",
            "system": "as the system's turn",
        }
        return f"“{self.text}” {places[self.place]}"
