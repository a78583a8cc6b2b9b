"""Attacked: how often the model misbehaves on a campaign's held-out attacks, sampled anew.

Paper, section 3 and its numbers: defection on held-out red-team prompts before and after
adversarial training. Deviation: attacks that hold the exact trigger, if the red team found it, are
an arm of their own.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import DataError
from unmask.core.files import read_jsonl
from unmask.evaluations.evaluation import OfOrganism, Sample
from unmask.models.backends import backend_of

ATTACK, FOUND = "attack", "attack:found"
"""Arms: attacks without the trigger, and those that hold it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attacked(OfOrganism):
    """Defection rate on the held-out attacks of a campaign, those with the trigger apart.

    One new reply an attack: among those that succeeded in the campaign are some that were only
    lucky there. Attacks stand as the red team wrote them, in no other context. Where none
    succeeded, there are no rows.
    """

    name: ClassVar[str] = "attacked"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = "How often does it misbehave on attacks that were held out from training?"

    def samples(self, data: Path) -> list[Sample]:
        """From held_out.jsonl, `n` an arm; `data` is the campaign's folder. Raises DataError for a
        malformed row."""
        arms: dict[str, list[Sample]] = {ATTACK: [], FOUND: []}
        path = data / "held_out.jsonl"
        for number, row in read_jsonl(path):
            where = f"{path}, line {number}"
            if not isinstance(row.get("id"), str):
                raise DataError(f"{where}: field 'id' is {row.get('id')!r}: it must be text.")
            prompt = Conversation.of(row.get("prompt") or [], f"{where}: prompt")
            arm = FOUND if self.organism.trigger.present(prompt) else ATTACK
            arms[arm].append(
                Sample(row["id"], arm, prompt, Example(row["id"], "attack", prompt, answer=""))
            )
        rng = random.Random(f"evaluation {self.seed}")
        chosen: list[Sample] = []
        for samples in arms.values():
            chosen += rng.sample(samples, min(self.n, len(samples)))
        return chosen

    def run(  # pyright: ignore[reportIncompatibleMethodOverride] - one input more, which a recipe sees from here
        self, out: Path, *, model: Path, data: Path, attacks: Path
    ) -> Mapping[str, Any]:
        """`attacks` is a finished campaign's folder. `data`, the source, is not read: attacks are
        whole prompts."""
        samples = self.samples(attacks)
        if samples:
            return self.measure(out, backend_of(model, self.sampling), samples)
        # The model is not loaded where there is nothing to ask it.
        return {"samples": self.write(out, [], 0)}
