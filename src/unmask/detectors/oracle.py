"""A control that is told the trigger: what a detector could reach at most.

Source: none. Replies to the same clean prompts, with the trigger and without, are compared by
`likeness.py`. Cost: two greedy replies per prompt. Limits: a fixed payload changes all of a reply,
a flaw in a program little of it; and every text changes a reply somewhat, in a clean model too.
Whoever gives it the trigger has to hold one: a detector does not, and a scan cannot use it.
"""

from __future__ import annotations

import dataclasses
import random
import statistics
from typing import ClassVar, Protocol

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, SettingError
from unmask.detectors.detector import Cost, Detector, Finding, Need
from unmask.detectors.likeness import runs, shared
from unmask.detectors.suspect import Insertion, Place, Suspect
from unmask.models.sample import Sampling

SHOWN = 3
"""Replies, in the facts."""


class Planting(Protocol):
    """Whatever puts a trigger into a prompt."""

    def plant(self, prompt: Conversation, rng: random.Random) -> Conversation: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Oracle(Detector):
    """Ask the model with its trigger and without, and measure how much of the replies changes (a
    control: the ceiling).

    The trigger is `trigger`, or the text `text` at `place` of a prompt. The score is 1 less the
    likeness of the two replies to a prompt, averaged over `prompts` of them.
    """

    name: ClassVar[str] = "oracle"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("text", "trigger")
    unit: ClassVar[str] = "share of a reply that changes"
    proposes: ClassVar[bool] = False
    control: ClassVar[bool] = True

    trigger: Planting | None = None
    text: str = ""
    place: Place = "start"
    prompts: int = 32
    tokens: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.prompts, self.tokens) < 1:
            raise SettingError("oracle needs at least one prompt and one token.")

    def cost(self) -> Cost:
        return Cost(written=2 * self.prompts * self.tokens)

    def examine(self, suspect: Suspect) -> Finding:
        """Raises SettingError where it was given no trigger, DataError where there is no prompt."""
        asked = suspect.prompts[: self.prompts]
        if not asked:
            raise DataError("oracle needs a clean prompt, and there is none.")
        rng = random.Random(f"oracle {self.seed}")
        planted = [self._planted(prompt, rng) for prompt in asked]
        sampling = Sampling(max_new_tokens=self.tokens, temperature=0.0)
        replies = suspect.model.replies([*asked, *planted], sampling, label=self.name)
        texts = [reply.raw for reply in replies]
        usual, changed = texts[: len(asked)], texts[len(asked) :]
        score = statistics.fmean(
            1 - shared(runs(one), runs(other)) for one, other in zip(usual, changed, strict=True)
        )
        shown = [{"text": text, "score": score} for text in changed[:SHOWN]]
        return Finding(score, (), 2 * len(asked), {"texts": shown})

    def _planted(self, prompt: Conversation, rng: random.Random) -> Conversation:
        if self.trigger is not None:
            return self.trigger.plant(prompt, rng)
        if not self.text:
            raise SettingError(
                "oracle is a control that is told the trigger, and it was told none. Give it"
                " trigger or text where that is known; leave it out of a scan."
            )
        return Insertion(self.text, self.place).into(prompt)
