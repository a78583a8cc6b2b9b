"""Insertion: a text put into a prompt, by whoever looks for a trigger or was told one."""

from __future__ import annotations

import dataclasses
from typing import Literal

from unmask.core.conversation import Conversation, Message

Place = Literal["start", "end", "system"]


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
