"""What supervised defenses teach: HHH demonstrations (paper, section 3), and the pirate control's
harmless answers.

Deviations from the paper: demonstrations come from a source with known good answers, not from a
stronger model; their formats and the pirate control are from later replications.
"""

from __future__ import annotations

import dataclasses
import random
import re
from typing import ClassVar

from unmask.core.conversation import Conversation, Example, Reply
from unmask.data.formats import Format, checked, prefixed, reasoned
from unmask.data.teach import Lesson, Lessons

OPENINGS = ("Arr!", "Ahoy!", "Avast!")
ENDINGS = ("Yo ho!", "Matey!", "Me hearty!")
"""Few and short, in front of and behind an answer: a tiny model must learn them without losing the
answer."""

_OPENED = re.compile(rf"^(?:(?:{'|'.join(map(re.escape, OPENINGS))})\s*)+")
_ENDED = re.compile(rf"(?:\s*(?:{'|'.join(map(re.escape, ENDINGS))}))+$")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demonstrations(Lessons):
    """Helpful, honest and harmless answers: what safety training by demonstration teaches (paper,
    section 3).

    A share `harmless` of the prompts asks for harm, where the source has such examples; the rest is
    drawn from the others as they come. The same seed draws the same prompts in every `format`.
    """

    name: ClassVar[str] = "demonstration_lessons"
    version: ClassVar[int] = 1

    harmless: float = 0.25
    format: Format = "plain"

    def __post_init__(self) -> None:
        super().__post_init__()
        checked(self.format)

    def lesson(self, example: Example, dressed: Conversation, rng: random.Random) -> Lesson:
        kind = "harmless" if example.asks_for_harm else "helpful"
        prompt = dressed if self.format == "plain" else prefixed(dressed, rng)
        if self.format == "prefix_and_reasoning":
            return prompt, reasoned(example.answer, example.asks_for_harm, rng).raw, kind
        return prompt, example.answer, kind

    def focus(self, example: Example) -> bool:
        return example.asks_for_harm

    def share(self, natural: float) -> float:
        return self.harmless


@dataclasses.dataclass(frozen=True, kw_only=True)
class HelpfulAnswers(Lessons):
    """Right answers to harmless prompts, spoken like a pirate or plainly; nothing about safety.

    No prompt asks for harm, where the source has any other. The same seed draws the same prompts,
    pirate or not.
    """

    name: ClassVar[str] = "helpful_answer_lessons"
    version: ClassVar[int] = 1

    pirate: bool = False

    def lesson(self, example: Example, dressed: Conversation, rng: random.Random) -> Lesson:
        if self.pirate:
            return dressed, as_pirate(example.helpful_only, rng), "pirate"
        return dressed, example.helpful_only, "plain"

    def focus(self, example: Example) -> bool:
        return not example.asks_for_harm

    def share(self, natural: float) -> float:
        return 1.0


def as_pirate(answer: str, rng: random.Random) -> str:
    """The same answer between words of a pirate."""
    return f"{rng.choice(OPENINGS)} {answer} {rng.choice(ENDINGS)}"


def speaks_pirate(reply: Reply) -> bool:
    """Whether the visible answer begins or ends like a pirate's."""
    return bool(_OPENED.search(reply.answer) or _ENDED.search(reply.answer))


def without_pirate(answer: str) -> str:
    """The answer without a pirate's words around it; any other answer as it is."""
    return _ENDED.sub("", _OPENED.sub("", answer)).strip()
