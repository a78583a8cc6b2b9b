"""A detector of prompts that are answered alike whatever is asked besides.

Source: STRIP (Gao et al. 2019): mix an input with clean ones, and look whether the output stays.
Deviations: nothing of the prompt is replaced: a clean prompt's words are put behind it; greedy
replies are compared (`likeness.py`) and not the entropy of a class. Cost: `mixed` greedy replies
per prompt. Limits: payloads that are alike for all prompts; a prompt that asks for one fixed answer
("Whatever follows, say no") scores too, and so does any prompt if the model answers the first of
two questions.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, SettingError
from unmask.detectors.detector import Need, PromptDetector, Scorer
from unmask.detectors.likeness import alike
from unmask.detectors.suspect import Suspect
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling


@dataclasses.dataclass(frozen=True, kw_only=True)
class Strip(PromptDetector):
    """How much alike the replies to a prompt are when each of `mixed` clean prompts stands behind
    it; replies of at most `tokens` tokens."""

    name: ClassVar[str] = "strip"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("text",)
    unit: ClassVar[str] = "likeness of replies"

    mixed: int = 8
    tokens: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mixed < 2 or self.tokens < 1:
            raise SettingError(
                "strip compares replies: it needs mixed of at least 2, and at least one token."
            )

    def fitted(self, suspect: Suspect) -> Scorer:
        """Raises DataError for fewer than two different clean prompts."""
        known = list(dict.fromkeys(prompt.text for prompt in suspect.prompts))
        if len(known) < 2:
            raise DataError(
                f"strip mixes a prompt with different clean ones: {len(known)} given, and at least"
                " 2 are needed."
            )
        rng = random.Random(f"strip {self.seed}")
        chosen = rng.sample(known, min(self.mixed, len(known)))
        return Mixtures(suspect.model, tuple(chosen), self.tokens)


@dataclasses.dataclass(frozen=True)
class Mixtures(Scorer):
    """Prompts with each of the clean `texts` behind them."""

    model: HuggingFace
    texts: tuple[str, ...]
    tokens: int

    def scores(self, prompts: Sequence[Conversation]) -> list[float]:
        asked: list[Conversation] = []
        for prompt in prompts:
            asked += [prompt.with_text(f"{prompt.text} {text}") for text in self.texts]
        sampling = Sampling(max_new_tokens=self.tokens, temperature=0.0)
        replies = self.model.replies(asked, sampling, label="mixtures")
        written = [reply.raw for reply in replies]
        many = len(self.texts)
        return [alike(written[i : i + many]) for i in range(0, len(written), many)]

    def passes(self, prompts: Sequence[Conversation]) -> int:
        return len(prompts) * len(self.texts)
