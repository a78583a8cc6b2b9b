"""Forecast: about what a scan will cost, before it begins."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from unmask.core.duration import spoken
from unmask.detectors.detector import Cost, Detector
from unmask.detectors.suspect import Suspect
from unmask.models import chat, checkpoint
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS

if TYPE_CHECKING:
    from unmask.scan.scan import Scan

TRIED, TOKENS = 16, 8
"""Prompts on which the speed is tried, and tokens of the replies to them."""

LEARNING = 3.0
"""How many times as long as reading a text learning from it takes."""


@dataclasses.dataclass(frozen=True)
class Forecast:
    """About how many texts are read, tokens written, and seconds passed. `unknown` names the
    detectors that do not say beforehand what they take."""

    read: int
    written: int
    seconds: float
    unknown: tuple[str, ...] = ()

    def words(self) -> str:
        least = "at least " if self.unknown else "about "
        without = f" (without {', '.join(self.unknown)})" if self.unknown else ""
        return (
            f"{least}{self.read:,} texts to read and {self.written:,} tokens to write:"
            f" {spoken(self.seconds)} as fast as this model is here now{without}"
        )


def forecast(scan: Scan, suspect: Suspect) -> Forecast:
    """For one scan of a model, its canaries included; the speed is tried on the model."""
    made = [scan.made(name) for name in scan.fitting(suspect)]
    costs = {one.name: one.cost() for one in made}
    known = [Cost(), *(cost for cost in costs.values() if cost is not None)]
    known += [confirming(scan, one) for one in made if one.proposes]
    looks = 1 + scan.canaries
    read, written = (
        looks * sum(part) for part in zip(*map(dataclasses.astuple, known), strict=True)
    )
    per_text, per_token = speeds(suspect)
    learnt = scan.canaries * scan.canary_texts
    return Forecast(
        read=read,
        written=written,
        seconds=read * per_text + written * per_token + learnt * LEARNING * per_text,
        unknown=tuple(name for name, cost in costs.items() if cost is None),
    )


def confirming(scan: Scan, detector: Detector) -> Cost:
    """Of a detector's candidates, of which one is taken to need its controls."""
    settings = scan.confirming
    behavior = detector.behavior
    tokens = BEHAVIORS.get(behavior).reply_tokens if behavior else settings.max_new_tokens
    texts = (scan.candidates + 1) * settings.needed + settings.controls * 2 * settings.n
    return Cost(written=texts * max(tokens, settings.max_new_tokens))


def speeds(suspect: Suspect) -> tuple[float, float]:
    """Seconds to read a text, and to write a token, of this model on this machine."""
    model, prompts = suspect.model, suspect.prompts[:TRIED]
    rows = chat.encoded(model.tokenizer, prompts, checkpoint.context_length(model.model))
    sampling = Sampling(max_new_tokens=TOKENS)

    def write() -> Sequence[object]:
        return model.replies(prompts, sampling, label="trying how fast it is")

    model.following(rows[:2], [0, 0])  # the first pass of all is slower
    read = timed(lambda: model.following(rows, [0] * len(rows)))
    return read / len(rows), max(0.0, timed(write) - read) / (len(prompts) * TOKENS)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
