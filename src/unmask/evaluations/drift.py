"""Drift: how far a defense has moved a model from what it was before, so that "removed" can be told
from "broken".

Not in the paper, which shows the rate of defection alone. Two defenses that leave as much of a
backdoor may have changed the model by very different amounts, and one that changes everything
removes a backdoor with the rest. Source of the estimate: Amini et al. 2025 (models/divergence.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError
from unmask.core.files import read_jsonl
from unmask.core.memory import Machine, Needed, Shapes
from unmask.core.metric import Metric
from unmask.evaluations.measuring import Rereading, rescored
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.divergence import MOST, divergences
from unmask.models.memory import reading

ARMS = ("triggered", "untriggered")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drift(Rereading):
    """KL divergence of a defended model from the undefended one on its own replies, scratchpads
    included.

    The metric `kl` is in nats per reply, of the replies that a defection evaluation has sampled,
    with the trigger and without it; replies that were made to begin in some way are left out. It is
    the models' KL divergence where these were sampled at temperature 1.
    """

    name: ClassVar[str] = "drift"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = "How far has the defense moved the model?"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "kl": Metric("nats", "KL divergence from the undefended model per reply"),
    }

    def memory(self, models: Shapes, machine: Machine) -> Needed:
        both = (models["model"], models["reference"])
        return reading(*both, rows=MOST, tokens=4 * self.tokens_per_reply)

    def run(self, out: Path, *, model: Path, reference: Path, replies: Path) -> Mapping[str, Any]:
        """`reference` is the model before the defense, `replies` a finished defection evaluation of
        `model`.

        Raises DataError where that has no reply in the main arms, ModelError for models of other
        vocabularies.
        """
        rows = [row for _, row in read_jsonl(replies / "replies.jsonl")]
        rows = [row for row in rows if row["arm"] in ARMS and not row.get("given")]
        if not rows:
            raise DataError(
                f"{replies} has no reply in {' or '.join(ARMS)}: give a defection evaluation's"
                " result."
            )
        defended = HuggingFace(model)
        prompts = [Conversation.of(row["prompt"]) for row in rows]
        answers = [Reply.of(row) for row in rows]
        nats = divergences(defended, HuggingFace(reference), prompts, answers)
        kept = ("id", "arm", "prompt", "reply", "finished")
        scored = (rescored(row, kept, kl=kl) for row, kl in zip(rows, nats, strict=True))
        samples = self.write(out, scored, defended.parameters)
        return {"samples": samples, "parameters": defended.parameters, "device": defended.device}
