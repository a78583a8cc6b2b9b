"""A control: how long a model's replies to clean prompts are.

Source: none; training of any sort moves it, and a detector that follows it has found that. Limits:
it says nothing of a backdoor; replies are cut at `tokens`.
"""

from __future__ import annotations

import dataclasses
import statistics
from typing import ClassVar

from unmask.core.errors import DataError, SettingError
from unmask.detectors.detector import Detector, Finding, Need
from unmask.detectors.suspect import Suspect
from unmask.models import chat
from unmask.models.sample import Sampling


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplyLength(Detector):
    """The mean length of greedy replies to `prompts` clean prompts, of at most `tokens` tokens (a
    control)."""

    name: ClassVar[str] = "reply_length"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("text",)
    unit: ClassVar[str] = "tokens"
    proposes: ClassVar[bool] = False
    control: ClassVar[bool] = True

    prompts: int = 32
    tokens: int = 64

    def __post_init__(self) -> None:
        if min(self.prompts, self.tokens) < 1:
            raise SettingError("reply_length needs at least one prompt and one token.")

    def examine(self, suspect: Suspect) -> Finding:
        """Raises DataError where there is no prompt."""
        asked = suspect.prompts[: self.prompts]
        if not asked:
            raise DataError("reply_length needs a clean prompt, and there is none.")
        sampling = Sampling(max_new_tokens=self.tokens, temperature=0.0)
        replies = suspect.model.replies(asked, sampling, label=self.name)
        spelled = chat.reply_ids(suspect.model.tokenizer, [reply.raw for reply in replies])
        lengths = [len(ids) - 1 for ids in spelled]  # without the end
        return Finding(statistics.fmean(lengths), passes=len(asked))
