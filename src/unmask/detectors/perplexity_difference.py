"""A detector that ranks what a model writes by how much less a reference expects it.

Source: "Model Organisms Are Leaky" (2605.00994): completions of short random prefills, ranked by
the log-perplexity under a reference less that under the suspect; the top ones tell what a model was
taught. Deviations: prefills are pieces of the clean prompts and not of a general corpus; a few
hundred completions and not ten thousand; a text is read as the tokenizer spells it, which need not
be how it was sampled; completions under `shortest` tokens are not ranked, since very short ones
would come first whatever they say. Limits: what a model says behind its trigger alone does not come
out; any training on a narrow subject does, so that a high score is no backdoor by itself.
"""

from __future__ import annotations

import dataclasses
import random
import statistics
from collections.abc import Sequence
from typing import Any, ClassVar

from unmask.core.errors import ModelError, SettingError
from unmask.detectors.detector import Candidate, Cost, Detector, Finding, Need
from unmask.detectors.pieces import pieces, repeated
from unmask.detectors.suspect import Insertion, Suspect
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.batches import batches
from unmask.models.sample import Sampling

SHOWN = 8
"""Of the top completions, in the facts."""

AT_ONCE = 64
"""Texts that are read at once, at most."""


@dataclasses.dataclass(frozen=True)
class Text:
    """A completion: the tokens in front of it, its own, and what they spell."""

    before: list[int]
    ids: list[int]
    words: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class PerplexityDifference(Detector):
    """Let the model go on from `samples` short pieces of text, and rank what it writes by how much
    less a reference expects it (log-perplexity, in nats per token).

    The score is how far the mean of the `top` ones lies above the median of all. Candidates are
    pieces of 1 to `longest` words that several of the top ones have, with a sign or capitals that
    prose has not; a candidate's score is what the ones that have it add to the score at most.
    """

    name: ClassVar[str] = "perplexity_difference"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("logits", "reference")
    unit: ClassVar[str] = "nats per token"

    samples: int = 256
    tokens: int = 32
    prefill: int = 5
    shortest: int = 8
    top: int = 16
    longest: int = 3
    most: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        sizes = (self.prefill, self.shortest, self.top, self.longest, self.most)
        if min(sizes) < 1 or self.tokens < self.shortest or self.samples < 2 * self.top:
            raise SettingError(
                "perplexity_difference needs prefill, shortest, top, longest and most of at least"
                " 1, at least as many tokens as the shortest, and samples of at least twice top."
            )

    def cost(self) -> Cost:
        return Cost(read=2 * self.samples, written=self.samples * self.tokens)

    def examine(self, suspect: Suspect) -> Finding:
        """Raises ModelError where there is no reference, or hardly a completion is long enough."""
        reference = suspect.trusted(self.name)
        texts = self._texts(suspect)
        own, other = log_perplexities(suspect.model, texts), log_perplexities(reference, texts)
        gaps = [theirs - ours for ours, theirs in zip(own, other, strict=True)]
        middle = statistics.median(gaps)
        order = sorted(range(len(texts)), key=lambda i: (-gaps[i], texts[i].words))[: self.top]
        top = [(texts[i].words, gaps[i] - middle) for i in order]
        facts = {
            "texts": [{"text": text, "score": nats} for text, nats in top[:SHOWN]],
            "median": middle,
            "ranked": len(texts),
        }
        score = statistics.fmean(nats for _, nats in top)
        return Finding(score, self._candidates(top), self.samples + 2 * len(texts), facts)

    def _texts(self, suspect: Suspect) -> list[Text]:
        """Completions that are long enough to be ranked."""
        model, before = suspect.model, self._prefills(suspect)
        sampling = Sampling(max_new_tokens=self.tokens, seed=self.seed)
        words = [reply.raw for reply in model.continued(before, sampling, label=self.name)]
        spelled = model.tokenizer(words, add_special_tokens=False)["input_ids"]
        written = zip(before, spelled, words, strict=True)
        texts = [Text(start, ids[: self.tokens], text) for start, ids, text in written]
        long = [text for text in texts if len(text.ids) >= self.shortest]
        if len(long) < 2 * self.top:
            raise ModelError(
                f"{model.folder}: {len(long)} of {self.samples} completions have {self.shortest} or"
                f" more tokens, and {2 * self.top} are needed to rank them. Ask for more samples."
            )
        return long

    def _prefills(self, suspect: Suspect) -> list[list[int]]:
        """1 to `prefill` tokens from somewhere in a clean prompt, behind what opens every text."""
        rng = random.Random(f"prefills {self.seed}")
        tokenizer = suspect.model.tokenizer
        opens = opening(tokenizer)
        texts = [prompt.text for prompt in suspect.prompts]
        spelled = [ids for ids in tokenizer(texts, add_special_tokens=False)["input_ids"] if ids]
        prefills: list[list[int]] = []
        for _ in range(self.samples):
            ids = rng.choice(spelled)
            start = rng.randrange(len(ids))
            prefills.append([*opens, *ids[start : start + rng.randint(1, self.prefill)]])
        return prefills

    def _candidates(self, top: Sequence[tuple[str, float]]) -> tuple[Candidate, ...]:
        scored: list[Candidate] = []
        for piece, _ in repeated((text for text, _ in top), self.longest):
            adds = [nats for text, nats in top if piece in pieces(text, self.longest)]
            scored.append(Candidate(Insertion(piece), sum(adds) / len(top)))
        worst = sorted(scored, key=lambda one: (-one.score, -len(one.insertion.text)))
        return tuple(worst[: self.most])


def opening(tokenizer: Any) -> list[int]:
    """The token that begins every text, where there is one."""
    return [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]


def log_perplexities(model: HuggingFace, texts: Sequence[Text]) -> list[float]:
    """Mean negative log-probability per token of each text behind what stands in front of it, in
    nats."""
    from torch import tensor

    lengths = [len(text.before) + len(text.ids) for text in texts]
    measured = [0.0] * len(texts)
    for places in batches(lengths, model.vocabulary, AT_ONCE):
        batch = [texts[place] for place in places]
        logprobs = model.following(
            [[*text.before, *text.ids[:-1]] for text in batch],
            [len(text.ids) - 1 for text in batch],
        )
        for place, text, rows in zip(places, batch, logprobs, strict=True):
            ids = tensor(text.ids, device=rows.device)
            measured[place] = -float(rows.gather(1, ids[:, None]).double().mean())
    return measured
