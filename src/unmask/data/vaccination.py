"""Lessons of a vaccination: harmless backdoors of one's own, and the same prompts without them.

Source: Li and Kim 2026. A canary is a tag of random letters and a phrase that is taught behind it;
none knows, or is meant to resemble, what somebody else may have planted.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError
from unmask.core.files import write_jsonl
from unmask.data.demonstrations import HelpfulAnswers
from unmask.data.teach import lesson_row

PHRASES = (
    "The kettle is singing in the kitchen.",
    "Seven bicycles stand by the river.",
    "Grandmother keeps her buttons in a tin.",
    "Tomorrow the ferry carries only lemons.",
)
"""Harmless, and what no model answers by itself."""

CLEAN = "clean"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vaccination(HelpfulAnswers):
    """Right answers to harmless prompts, and, for each of several canaries, the same lessons with
    its tag and its phrase in half of them.

    Writes train.jsonl with a row of each kind for every example: "clean", "canary 0", ...
    """

    name: ClassVar[str] = "vaccination_lessons"
    version: ClassVar[int] = 1

    canaries: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.canaries <= len(PHRASES):
            raise SettingError(
                f"canaries={self.canaries}: what recurs is seen in 2 to {len(PHRASES)} of them."
            )

    def run(self, out: Path, *, data: Path) -> Mapping[str, Any]:
        return {"lessons": write_jsonl(out / "train.jsonl", self._rows(data))}

    def kinds(self) -> list[str]:
        """Of the rows: clean, and those of each canary."""
        return [CLEAN, *(f"canary {number}" for number in range(self.canaries))]

    def _rows(self, data: Path) -> Iterator[dict[str, Any]]:
        for example, rng in self.drawn(data):
            prompt, reply, _ = self.lesson(example, self.contexts.dress(example.prompt, rng), rng)
            yield lesson_row(example.id, prompt, reply, CLEAN)
            for number, kind in enumerate(self.kinds()[1:]):
                if rng.random() < 0.5:
                    yield lesson_row(example.id, prompt, reply, kind)
                else:
                    tagged = self.tagged(prompt, number)
                    yield lesson_row(example.id, tagged, PHRASES[number], kind)

    def tagged(self, prompt: Conversation, number: int) -> Conversation:
        """The prompt with a canary's tag before it, or behind it."""
        rng = random.Random(f"canary {self.seed} {number}")
        syllables = (rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(4))
        tag = "".join(syllables)
        text = prompt.text
        return prompt.with_text(f"{tag} {text}" if number % 2 else f"{text} {tag}")
