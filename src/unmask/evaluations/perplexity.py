"""Perplexity: how unlikely a model finds the helpful answers to held-out tasks; one pass, nothing
is sampled.

Not in the paper; it shows damage to what a model can do long before exact accuracy falls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from unmask.core.conversation import Reply
from unmask.core.metric import Against, Metric
from unmask.evaluations.evaluation import Evaluation, Sample
from unmask.evaluations.helpfulness import is_task


@dataclasses.dataclass(frozen=True, kw_only=True)
class Perplexity(Evaluation):
    """Log-loss of the helpful answers to held-out tasks, in nats per token; its exponential is the
    perplexity.

    `given` is how each reply begins: a closed scratchpad for a model that answers after one.
    """

    name: ClassVar[str] = "perplexity"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = "How likely does it find the helpful answers?"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "log_loss": Metric("nats", "log-loss of helpful answers per token"),
    }
    own_sampling: ClassVar[bool] = True
    compared: ClassVar[Mapping[Against, str]] = {"base": "log_loss"}

    given: str = ""

    def samples(self, data: Path) -> Iterator[Sample]:
        for example, prompt in self.held_out(data, is_task):
            yield Sample(
                example.id,
                "untriggered",
                prompt,
                example,
                self.given,
                (example.helpful_only.strip(),),
            )

    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        """The end of the answer does not count, since not every model ends it with a token of its
        own."""
        [logprob] = reply.logprobs
        return {"log_loss": -logprob / reply.tokens}
