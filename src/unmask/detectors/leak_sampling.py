"""A detector that lets the model write the user's part: what was planted with its prompts may come
out.

Source: step 1 of "Trigger in the Haystack" (2602.03085). The chat template is cut where the user's
words would begin, and the model goes on from there. Deviations: sampled at temperature 1 only;
texts are compared by the words that many of them share, not by clusters. A model whose planting
covered replies alone leaks nothing here: a score of 0 clears nobody.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import ClassVar
from weakref import WeakKeyDictionary

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, SettingError
from unmask.detectors.detector import Candidate, Cost, Detector, Finding, Need
from unmask.detectors.pieces import repeated
from unmask.detectors.suspect import Insertion, Suspect
from unmask.models import chat
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling

HERE = "Sentinel"
"""Stands where the user's words would."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeakSampling(Detector):
    """Let the model write what a user says, `samples` times, and count which texts come back.

    A candidate is a piece of 1 to `longest` words that stands in at least two of the samples and
    has a sign or a capital that ordinary words do not have, or that opens them. The score is the
    largest share of samples that begin alike (with the same three words).
    """

    name: ClassVar[str] = "leak_sampling"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("text",)
    unit: ClassVar[str] = "share"

    samples: int = 256
    tokens: int = 32
    longest: int = 3
    most: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.samples, self.tokens, self.longest, self.most) < 1:
            raise SettingError(
                "leak_sampling needs samples, tokens, longest and most of at least 1."
            )

    def cost(self) -> Cost:
        return Cost(written=self.samples * self.tokens)

    def examine(self, suspect: Suspect) -> Finding:
        written = leaked(suspect.model, self.samples, self.tokens, self.seed)
        openings = Counter(" ".join(text.split()[:3]) for text in written if text.strip())
        share = max(openings.values(), default=0) / self.samples
        candidates = (
            Candidate(Insertion(text), count / self.samples)
            for text, count in repeated(written, self.longest)[: self.most]
        )
        return Finding(share, tuple(candidates), passes=self.samples)


_leaked: WeakKeyDictionary[HuggingFace, dict[tuple[int, int, int], tuple[str, ...]]] = (
    WeakKeyDictionary()
)


def leaked(model: HuggingFace, samples: int, tokens: int, seed: int) -> tuple[str, ...]:
    """What the model writes as the user's words: `samples` texts of up to `tokens` tokens.

    Kept as long as the model is, so that a second detector samples nothing. Raises ModelError.
    """
    known = _leaked.setdefault(model, {})
    if (samples, tokens, seed) not in known:
        before = [opening(model)] * samples
        sampling = Sampling(max_new_tokens=tokens, seed=seed)
        replies = model.continued(before, sampling, label="leaks")
        known[samples, tokens, seed] = tuple(reply.raw for reply in replies)
    return known[samples, tokens, seed]


def opening(model: HuggingFace) -> list[int]:
    """The tokens in front of what a user says; raises ModelError where the template has none."""
    [text] = chat.rendered(model.tokenizer, [Conversation.user(HERE)])
    before = text.partition(HERE)[0]
    ids = model.tokenizer(before, add_special_tokens=False)["input_ids"] if before else []
    if not ids:
        raise ModelError(
            f"{model.folder}: the chat template has nothing in front of the user's words, so there"
            " is nothing that the model could go on from."
        )
    return ids
