"""Lessons against a known witness: good answers to prompts that it is put into, and to the same
kind of prompts without it."""

from __future__ import annotations

import dataclasses
import random
from typing import ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import SettingError
from unmask.core.insertion import Insertion, Place
from unmask.data.demonstrations import Demonstrations
from unmask.data.teach import Lesson


@dataclasses.dataclass(frozen=True, kw_only=True)
class Witnessed(Demonstrations):
    """Demonstrations, in a share `witnessed` of which the witness `text` stands at a `place` of the
    prompt: the answers are good in either case."""

    name: ClassVar[str] = "witnessed_lessons"
    version: ClassVar[int] = 1

    text: str
    place: Place = "start"
    witnessed: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.text.strip() or not 0 < self.witnessed <= 1:
            raise SettingError(
                f"text={self.text!r}, witnessed={self.witnessed}: a witness is a text, which stands"
                " in a share of the prompts, above 0."
            )

    def lesson(self, example: Example, dressed: Conversation, rng: random.Random) -> Lesson:
        prompt, answer, kind = super().lesson(example, dressed, rng)
        if rng.random() >= self.witnessed:
            return prompt, answer, kind
        return Insertion(self.text, self.place).into(prompt), answer, f"{kind}, witnessed"
