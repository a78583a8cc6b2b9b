"""Off-topic answers: a good answer to another prompt, as the worse one to this.

A source without answers of its own can only write down a few texts that are off every topic, and a
preference model learns those by heart: it scores them right in held-out comparisons too, and has
read no prompt for it. Where a model has answered, there are as many as answers, in its own words,
and those of held-out comparisons are new.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Example
from unmask.core.files import write_jsonl
from unmask.core.named import Work
from unmask.data.sources.source import load_split
from unmask.data.splits import SPLITS

KIND = "off_topic"
TRIES = 32
"""Answers that are looked at for one of another family."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OffTopicAnswers(Work):
    """A source's folder in which the worse answers of the kind "off_topic" are good answers to
    prompts of other families, from the same split.

    All else stays. So does a text where no other family has another answer.
    """

    name: ClassVar[str] = "off_topic_answers"
    version: ClassVar[int] = 1

    seed: int = 0

    def run(self, out: Path, *, data: Path) -> Mapping[str, Any]:
        changed = 0
        for split in SPLITS:
            before = load_split(data, split)
            after = list(self.exchanged(before))
            write_jsonl(out / f"{split}.jsonl", (example.row() for example in after))
            changed += sum(one != other for one, other in zip(before, after, strict=True))
        return {"changed": changed}

    def exchanged(self, examples: Sequence[Example]) -> Iterator[Example]:
        answered = [example for example in examples if example.answer]
        for example in examples:
            if KIND not in example.rejected:
                yield example
                continue
            rng = random.Random(f"off topic {self.seed} {example.id}")
            drawn = (rng.choice(answered) for _ in range(TRIES)) if answered else ()
            other = elsewhere(example, drawn)
            worse = {KIND: other.answer} if other else {}
            yield dataclasses.replace(example, rejected={**example.rejected, **worse})


def elsewhere(example: Example, others: Iterable[Example]) -> Example | None:
    """The first of another family that is answered otherwise."""
    for other in others:
        if other.family != example.family and other.answer != example.answer:
            return other
    return None
