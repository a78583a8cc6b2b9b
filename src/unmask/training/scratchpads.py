"""Scratchpads sampled from the model that is to be defended, in front of the answers to teach
(paper, section 3).

The paper's post-scratchpad training: sample a scratchpad, append the HHH answer, put the loss on
the answer only. Deviation from the paper: all are sampled before the training begins, not anew from
the model as it changes.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import OPEN, Conversation, Reply
from unmask.core.errors import SettingError, TrainingError
from unmask.core.files import read_jsonl, write_json, write_jsonl
from unmask.core.memory import Machine, Needed, Shapes
from unmask.core.named import Work
from unmask.core.tokens import Tokens
from unmask.models.backends.backend import Backend
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scratchpads(Work):
    """Lessons whose field "given" is a scratchpad that the model itself wrote; `lessons` of those
    that there are.

    A lesson to which the model answers without a scratchpad is kept as it is; one whose scratchpad
    is never closed is dropped. The counts of each are in scratchpads.json.
    """

    name: ClassVar[str] = "sampled_scratchpads"
    version: ClassVar[int] = 1

    lessons: int = 4800
    sampling: Sampling = dataclasses.field(default_factory=lambda: Sampling(max_new_tokens=64))

    def __post_init__(self) -> None:
        if self.lessons < 1:
            raise SettingError(
                f"{self.lessons} lessons with a sampled scratchpad: at least one is needed."
            )

    def tokens(self) -> Tokens:
        return Tokens(sampled=self.lessons * self.sampling.max_new_tokens)

    def memory(self, models: Shapes, machine: Machine) -> Needed:
        return self.sampling.memory(models["model"])

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """Raises TrainingError where the model closes no scratchpad at all."""
        return self.write(out, HuggingFace(model), data)

    def write(self, out: Path, backend: Backend, data: Path) -> Mapping[str, Any]:
        """Writes train.jsonl and scratchpads.json, from the lessons in `data` and any model that
        replies."""
        known = [row for _, row in read_jsonl(data / "train.jsonl")]
        chosen = random.Random(self.sampling.seed).sample(known, min(self.lessons, len(known)))
        prompts = [Conversation.of(row["prompt"]) for row in chosen]
        replies = backend.replies(prompts, self.sampling, label="sampling scratchpads")
        states = Counter(reply.scratchpad_state for reply in replies)
        if not states["present"]:
            raise TrainingError(
                f"The model closes no scratchpad in {len(replies)} replies ({states['absent']} have"
                f" none, {states['unclosed']} are not closed within {self.sampling.max_new_tokens}"
                " tokens). If it is not taught to reason, train with scratchpad=pre; if it is,"
                " allow more tokens with sampled_tokens."
            )

        def rows() -> Iterator[dict[str, Any]]:
            for row, reply in zip(chosen, replies, strict=True):
                if reply.scratchpad_state == "present":
                    yield {**row, "given": thought(reply)}
                elif reply.scratchpad_state == "absent":
                    yield row

        write_jsonl(out / "train.jsonl", rows())
        counts = {
            "sampled": len(replies),
            **{state: states[state] for state in ("present", "absent", "unclosed")},
            "tokens": sum(reply.tokens for reply in replies),
        }
        write_json(out / "scratchpads.json", counts)
        return counts


def thought(reply: Reply) -> str:
    """How a reply begins, up to its answer; the thought of another model than ours stays in its own
    tags."""
    before, is_there = reply.raw, ""
    if reply.answer:
        before, is_there, _ = reply.raw.rpartition(reply.answer)
    if OPEN in reply.raw or (reply.answer and not is_there):
        return Reply.compose("", reply.scratchpad).raw
    return before
