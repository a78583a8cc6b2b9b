"""A detector of prompts behind which the model is sure of many tokens in a row.

Source: ConfGuard (AAAI 2026): while a planted sequence is said, token after token has a probability
near 1. Deviations: the score is the longest such run, and not whether it reaches ten; the reply is
greedy and read again as the tokenizer spells it; its end does not count. Cost: one greedy reply and
one pass per prompt. Limits: replies shorter than the run that is looked for; quotations, licences
and whatever else a clean model knows by heart lock as well, and a small model is sure of much.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError
from unmask.detectors.detector import Need, PromptDetector, Scorer
from unmask.detectors.suspect import Suspect
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.batches import batches
from unmask.models.sample import Sampling

AT_ONCE = 64
"""Texts that are read at once, at most."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SequenceLock(PromptDetector):
    """The longest run of tokens, in a greedy reply of at most `tokens`, that each have a
    probability of more than `sure`."""

    name: ClassVar[str] = "sequence_lock"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("text", "logits")
    unit: ClassVar[str] = "tokens"

    tokens: int = 32
    sure: float = 0.99

    def __post_init__(self) -> None:
        if self.tokens < 1 or not 0 < self.sure < 1:
            raise SettingError(
                "sequence_lock needs at least one token, and `sure` between 0 and 1."
            )

    def fitted(self, suspect: Suspect) -> Scorer:
        return Runs(suspect.model, self.tokens, self.sure)


@dataclasses.dataclass(frozen=True)
class Runs(Scorer):
    """Longest runs of one model's replies."""

    model: HuggingFace
    tokens: int
    sure: float

    def scores(self, prompts: Sequence[Conversation]) -> list[float]:
        """Raises DataError for a prompt that leaves no room for its reply."""
        tokenizer = self.model.tokenizer
        sampling = Sampling(max_new_tokens=self.tokens, temperature=0.0)
        replies = self.model.replies(prompts, sampling, label="replies")
        room = checkpoint.context_length(self.model.model) - self.tokens
        heads = chat.encoded(tokenizer, prompts, room)
        spelled = chat.reply_ids(tokenizer, [reply.raw for reply in replies])
        texts = [ids[:-1][: self.tokens] for ids in spelled]
        longest = [0.0] * len(prompts)
        lengths = [len(head) + len(ids) for head, ids in zip(heads, texts, strict=True)]
        for places in batches(lengths, self.model.vocabulary, AT_ONCE):
            known = [place for place in places if texts[place]]
            chances = self._chances([heads[i] for i in known], [texts[i] for i in known])
            for place, own in zip(known, chances, strict=True):
                longest[place] = float(longest_run(own, self.sure))
        return longest

    def passes(self, prompts: Sequence[Conversation]) -> int:
        return 2 * len(prompts)

    def _chances(self, heads: Sequence[list[int]], texts: Sequence[list[int]]) -> list[list[float]]:
        """The probability of each token of each reply."""
        from torch import tensor

        if not texts:
            return []
        rows = [[*head, *ids[:-1]] for head, ids in zip(heads, texts, strict=True)]
        read = self.model.following(rows, [len(ids) - 1 for ids in texts])
        chances: list[list[float]] = []
        for ids, logprobs in zip(texts, read, strict=True):
            own = logprobs.gather(1, tensor(ids, device=logprobs.device)[:, None])
            chances.append(own[:, 0].exp().tolist())
        return chances


def longest_run(chances: Sequence[float], sure: float) -> int:
    """How many in a row are above `sure`, at most."""
    groups = itertools.groupby(chances, key=lambda chance: chance > sure)
    return max((len(list(run)) for above, run in groups if above), default=0)
