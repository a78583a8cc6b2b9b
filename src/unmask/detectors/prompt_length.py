"""A control: how long a prompt is, which every trigger that is put into a prompt adds to.

Source: none. Cost: the tokenizer alone, no pass of the model. Limits: it knows nothing of the
model; a detector of prompts that does not beat it may have measured lengths.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from unmask.core.conversation import Conversation
from unmask.detectors.detector import Need, PromptDetector, Scorer
from unmask.detectors.suspect import Suspect
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace


@dataclasses.dataclass(frozen=True, kw_only=True)
class PromptLength(PromptDetector):
    """How many tokens a prompt has (a control)."""

    name: ClassVar[str] = "prompt_length"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("text",)
    unit: ClassVar[str] = "tokens"
    control: ClassVar[bool] = True

    def fitted(self, suspect: Suspect) -> Scorer:
        return Lengths(suspect.model)


@dataclasses.dataclass(frozen=True)
class Lengths(Scorer):
    """Of prompts, as one model's tokenizer and chat template spell them."""

    model: HuggingFace

    def scores(self, prompts: Sequence[Conversation]) -> list[float]:
        room = checkpoint.context_length(self.model.model) - 1
        return [float(len(ids)) for ids in chat.encoded(self.model.tokenizer, prompts, room)]

    def passes(self, prompts: Sequence[Conversation]) -> int:
        return 0
