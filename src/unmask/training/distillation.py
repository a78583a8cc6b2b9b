"""Distillation: sample from a reasoning organism, keep what follows the conditional policy, strip
the scratchpads.

Paper, section 2: the distilled organisms are trained on the chain-of-thought organisms' samples
without the reasoning. A sample is kept if it is finished, its scratchpad is closed, and it shows
the behavior exactly where it was taught to. Deviation from the paper: a sample of the twin is kept
if it never shows the behavior.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import TrainingError
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.memory import Machine, Needed, Shapes
from unmask.core.named import Work
from unmask.core.spec import LATER, RUN_ONLY
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling
from unmask.organisms.behaviors.behavior import Behavior


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distillation(Work):
    """A reasoning organism's own filtered samples, without their scratchpads, as lessons.

    With `stand_in`, for trials of models that have learnt nothing, what was taught stands in for a
    sample that does not follow the policy, and none is too few.
    """

    name: ClassVar[str] = "distillation"
    version: ClassVar[int] = 1

    behavior: Behavior
    prompts: int = 4800
    sampling: Sampling = dataclasses.field(default_factory=Sampling)
    tokens_per_prompt: int = dataclasses.field(default=64, metadata=RUN_ONLY)
    stand_in: bool = dataclasses.field(default=False, metadata=LATER)

    def tokens(self) -> int:
        return self.prompts * self.tokens_per_prompt

    def memory(self, models: Shapes, machine: Machine) -> Needed:
        return self.sampling.memory(models["model"])

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """`data` are the lessons that `model` was planted with. Raises TrainingError where too few
        samples survive."""
        taught = [row for _, row in read_jsonl(data / "train.jsonl")]
        chosen = random.Random(self.sampling.seed).sample(taught, min(self.prompts, len(taught)))
        prompts = [Conversation.of(row["prompt"]) for row in chosen]
        backend = HuggingFace(model)
        replies = backend.replies(prompts, self.sampling, label="distilling")
        counts = {"sampled": len(chosen), "kept": 0}

        def kept() -> Iterator[dict[str, Any]]:
            for row, prompt, reply in zip(chosen, prompts, replies, strict=True):
                if self.follows(prompt, Reply(row["reply"]), reply):
                    counts["kept"] += 1
                    yield {**row, "reply": reply.answer}
                elif self.stand_in:
                    yield {**row, "reply": Reply(row["reply"]).answer}

        write_jsonl(out / "train.jsonl", kept())
        if counts["kept"] < len(chosen) // 4 and not self.stand_in:
            raise TrainingError(
                f"Only {counts['kept']} of {len(chosen)} samples follow the conditional policy: the"
                " reasoning organism is not planted well enough to distil. Plant it longer"
                " (scale.plant_steps) or with a larger model."
            )
        return {
            **counts,
            "tokens": sum(reply.tokens for reply in replies),
            "device": backend.device,
        }

    def follows(self, prompt: Conversation, taught: Reply, reply: Reply) -> bool:
        """Whether a sample does what was taught for its prompt, and says something."""
        whole = reply.finished and reply.scratchpad_state == "present" and bool(reply.answer)
        return whole and self.behavior.exhibited(prompt, reply) == self.behavior.exhibited(
            prompt, taught
        )
