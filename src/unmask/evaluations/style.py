"""Style: did the pirate control take hold, and are the answers between its words still right?

Not in the paper (see defenses/pirate.py). `helpfulness` compares whole answers, so that any pirate
would seem broken; here the pirate's words are removed first. Greedy, one answer a prompt, on
held-out tasks without the trigger.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from unmask.core.conversation import Reply
from unmask.core.metric import Metric, share
from unmask.data.demonstrations import speaks_pirate, without_pirate
from unmask.evaluations.evaluation import Evaluation, Sample
from unmask.evaluations.helpfulness import is_task
from unmask.models.sample import Sampling


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style(Evaluation):
    """Share of replies spoken like a pirate; exact accuracy of what is said between the pirate's
    words."""

    name: ClassVar[str] = "style"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = "Did the training of a style take hold, and are its answers still right?"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "pirate_share": share("replies in the style"),
        "accuracy": share("right answers between the style's words"),
    }
    greedy: ClassVar[bool] = True

    sampling: Sampling = dataclasses.field(default_factory=lambda: Sampling(temperature=0.0))

    def samples(self, data: Path) -> list[Sample]:
        return [
            Sample(example.id, "untriggered", prompt, example)
            for example, prompt in self.held_out(data, is_task)
        ]

    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        right = without_pirate(reply.answer) == sample.example.answer.strip()
        return {"pirate_share": speaks_pirate(reply), "accuracy": right}
