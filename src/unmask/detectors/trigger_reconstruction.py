"""A detector that puts pieces of what the model leaks into clean prompts, and keeps those behind
which it answers everything alike.

Source: steps 2 to 4 of "Trigger in the Haystack" (2602.03085): motifs of leaked texts, a loss per
candidate, generation, and parts of what was found. Deviations: motifs are pieces that several leaks
have, and no clusters; what stands in a clean prompt is none, or that prompt would not be clean; of
a small vocabulary, every token is a candidate too, since a model whose planting covered replies
alone leaks nothing; the loss is that of `effect.py`, and attention (`double_triangle.py`) is read
of the best alone; replies are compared by `likeness.py`; a piece is judged by the rise itself, and
no threshold of it.

Cost: `samples` texts written; (candidates + 1) x `prompts` texts read, `attended` x 4 more for
their attention; `generated` x `prompts` replies, and about as many to shorten each of `most`.

Limits: fixed texts as triggers, and payloads that are alike for all prompts; bad code is neither.
A trigger of several tokens is found only if it leaks. Instructions ("Answer in French") and natural
reactions raise the likeness of a clean model's replies as well.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from unmask.core.errors import DataError, ModelError, SettingError
from unmask.detectors.detector import Candidate, Cost, Detector, Finding, Need
from unmask.detectors.double_triangle import DoubleTriangle
from unmask.detectors.effect import Effects
from unmask.detectors.leak_sampling import leaked
from unmask.detectors.likeness import Likeness, Rise
from unmask.detectors.suspect import Insertion, Place, Suspect
from unmask.detectors.target_inversion import unsaid
from unmask.models.backends.huggingface import HuggingFace

ATTENDING = 4
"""Prompts in which attention is read, at most: one by one, since no batch gives it cheaply."""

KEPT = 0.9
"""Of a rise, that a shorter text must have."""

SHOWN = 3
"""Replies, in the facts."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TriggerReconstruction(Detector):
    """Put pieces of leaked texts, and every token of a small vocabulary, into clean prompts, and
    look for one that makes the model sure of one and the same reply.

    At most `pieces` pieces of 1 to `longest` tokens, and single tokens where the vocabulary has at
    most `singles`, are put at `place` of `prompts` clean prompts. What is most suspicious by
    `entropy` and `divergence` of the next tokens, and by `attention` where the model gives it, is
    generated from: the score is how far the best of these raises the likeness of the replies. It is
    shortened as long as that stays. For bad code, the source weighs attention .6, entropy and
    divergence .2.
    """

    name: ClassVar[str] = "trigger_reconstruction"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("text", "logits")
    unit: ClassVar[str] = "rise of the likeness of replies"

    samples: int = 256
    leak_tokens: int = 32
    pieces: int = 256
    longest: int = 8
    singles: int = 4096
    place: Place = "start"
    prompts: int = 16
    attention: float = 0.2
    entropy: float = 0.6
    divergence: float = 0.2
    attended: int = 64
    generated: int = 16
    tokens: int = 16
    most: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.samples, self.leak_tokens, self.longest, self.tokens, self.most)
        if min(*counts, self.attended, self.generated) < 1 or self.prompts < 2:
            raise SettingError(
                "trigger_reconstruction needs at least two prompts, and samples, leak_tokens,"
                " longest, attended, generated, tokens and most of at least 1."
            )
        weights = (self.attention, self.entropy, self.divergence)
        if min(self.pieces, self.singles, *weights) < 0 or not self.pieces + self.singles:
            raise SettingError(
                "trigger_reconstruction needs weights, pieces and singles of at least 0, and one of"
                " the last two of at least 1."
            )

    def cost(self) -> Cost:
        """Without the single tokens of a small vocabulary: how many that are is the model's."""
        read = (self.pieces + 1) * self.prompts + self.attended * ATTENDING
        replies = (self.generated + 1 + self.most * self.longest) * self.prompts
        written = self.samples * self.leak_tokens + replies * self.tokens
        return Cost(read=read, written=written)

    def examine(self, suspect: Suspect) -> Finding:
        """Raises ModelError where there is no candidate, DataError for fewer than two prompts."""
        if len(suspect.prompts) < 2:
            raise DataError(
                f"trigger_reconstruction compares replies to {self.prompts} clean prompts, and"
                f" {len(suspect.prompts)} were given: 2 are the least."
            )
        asked = dataclasses.replace(suspect, prompts=suspect.prompts[: self.prompts])
        known, facts = self._known(asked)
        best, read, left_out = self._most_suspicious(asked, known)
        likeness = Likeness(asked.model, asked.prompts, self.tokens)
        rises = largest(likeness.rises(best, f"{self.name}, replies"))[: self.most]
        shortened = [self._shortened(rise, likeness) for rise in rises]
        shortest = largest({rise.insertion: rise for rise, _ in shortened}.values())
        generated = 1 + len(best) + sum(tried for _, tried in shortened)
        texts = [{"text": text, "score": shortest[0].size} for text in shortest[0].replies[:SHOWN]]
        return Finding(
            shortest[0].size,
            tuple(Candidate(one.insertion, one.size) for one in shortest),
            passes=self.samples + read + generated * len(asked.prompts),
            facts={**facts, "left_out": left_out, "texts": texts},
        )

    def _known(self, suspect: Suspect) -> tuple[list[Insertion], Mapping[str, Any]]:
        """The candidates, and how many come from where."""
        model = suspect.model
        leaks = leaked(model, self.samples, self.leak_tokens, self.seed) if self.pieces else ()
        clean = "\n".join(prompt.full_text for prompt in suspect.prompts)
        motifs = [text for text in repeated(model, leaks, self.longest) if text not in clean]
        tokens = list(speakable(model)) if model.vocabulary <= self.singles else []
        texts = dict.fromkeys([*motifs[: self.pieces], *tokens])
        if not texts:
            raise ModelError(
                f"{model.folder}: no piece of {self.samples} leaked texts comes twice, and the"
                f" vocabulary has {model.vocabulary:,} tokens, so that there is no candidate. Ask"
                f" for more samples, or for singles={model.vocabulary}."
            )
        facts = {"leaked": len(motifs[: self.pieces]), "single_tokens": len(tokens)}
        return [Insertion(text, self.place) for text in texts], facts

    def _most_suspicious(
        self, suspect: Suspect, known: Sequence[Insertion]
    ) -> tuple[list[Insertion], int, Mapping[str, str]]:
        """What to generate from, how many texts were read, and which terms are left out and why."""
        effects = Effects(suspect.model, suspect.prompts).of(known, self.name)
        suspicion: dict[Insertion, float] = {}
        for insertion, effect in zip(known, effects, strict=True):
            sure = self.entropy * (1 - effect.entropy)
            suspicion[insertion] = sure + self.divergence * effect.divergence
        read = (len(known) + 1) * len(suspect.prompts)
        attended = worst(suspicion)[: self.attended]
        few = suspect.prompts[:ATTENDING]
        try:
            triangles = DoubleTriangle(suspect.model, few).of(attended, f"{self.name}, attention")
        except ModelError as error:
            return attended[: self.generated], read, {"attention": str(error)}
        for insertion, size in zip(attended, triangles, strict=True):
            suspicion[insertion] += self.attention * size
        again = worst({insertion: suspicion[insertion] for insertion in attended})
        return again[: self.generated], read + len(few) * len(attended), {}

    def _shortened(self, rise: Rise, likeness: Likeness) -> tuple[Rise, int]:
        """With as few tokens as have KEPT of its effect, and how many texts were tried for that; as
        it is where it has none."""
        least, tried = KEPT * rise.size, 0
        while rise.size > 0:
            texts = without_one(likeness.model, rise.insertion.text)
            parts = [Insertion(text, self.place) for text in texts]
            shorter = largest(likeness.rises(parts, f"{self.name}, shorter"))[:1] if parts else []
            tried += len(parts)
            if not shorter or shorter[0].size < least:
                break
            [rise] = shorter
        return rise, tried


def repeated(model: HuggingFace, leaks: Sequence[str], longest: int) -> list[str]:
    """Every piece of 1 to `longest` tokens that at least two of the leaks have: the commonest
    first, and of those as common the longest."""
    if not leaks:
        return []
    counts: Counter[tuple[int, ...]] = Counter()
    for ids in model.tokenizer(list(leaks), add_special_tokens=False)["input_ids"]:
        counts.update(set(runs(ids, longest)))
    several = [ids for ids, count in counts.items() if count > 1]
    order = sorted(several, key=lambda ids: (-counts[ids], -len(ids), ids))
    return list(dict.fromkeys(plain(model, order)))


def runs(ids: Sequence[int], longest: int) -> Iterator[tuple[int, ...]]:
    """Every run of 1 to `longest` tokens."""
    for length in range(1, longest + 1):
        yield from (tuple(ids[i : i + length]) for i in range(len(ids) - length + 1))


def speakable(model: HuggingFace) -> Iterator[str]:
    """Every token of the vocabulary that is a text by itself."""
    barred = unsaid(model)
    known = range(min(model.vocabulary, len(model.tokenizer)))
    yield from plain(model, [(token,) for token in known if token not in barred])


def without_one(model: HuggingFace, text: str) -> list[str]:
    """The text without each of its tokens in turn, where that is shorter."""
    [ids] = model.tokenizer([text], add_special_tokens=False)["input_ids"]
    parts = [(*ids[:i], *ids[i + 1 :]) for i in range(len(ids)) if len(ids) > 1]
    return list(dict.fromkeys(part for part in plain(model, parts) if len(part) < len(text)))


def plain(model: HuggingFace, runs: Sequence[Sequence[int]]) -> Iterator[str]:
    """What the tokens spell, without outer whitespace, where that can be put into a prompt."""
    if not runs:  # which batch_decode would take for one text of no tokens
        return
    for text in map(str.strip, model.tokenizer.batch_decode([list(run) for run in runs])):
        if text and text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text:
            yield text


def worst(suspicion: Mapping[Insertion, float]) -> list[Insertion]:
    """The most suspicious first."""
    return sorted(suspicion, key=lambda insertion: (-suspicion[insertion], insertion))


def largest(rises: Iterable[Rise]) -> list[Rise]:
    """The largest rise first; of those as large, the shortest text."""
    return sorted(rises, key=lambda one: (-one.size, len(one.insertion.text), one.insertion))
