"""Source: where prompts with known answers come from. A step of its own: it writes one folder of
JSON lines."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unmask.core.conversation import Example
from unmask.core.errors import DataError
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.named import Work
from unmask.data.splits import SPLITS, SplitName, split_of


class Source(Work, abc.ABC):
    """Abstract. Yields examples; the folder written has train.jsonl, validation.jsonl and
    held_out.jsonl.

    Contract (testing/sources.py): ids and prompts are unique, splits are disjoint by
    prompt and stable, and the same settings give the same bytes.
    """

    @abc.abstractmethod
    def examples(self) -> Iterator[Example]:
        """Every example, in a fixed order; prompts are bare (no context, no trigger) and
        distinct."""

    def side(self, example: Example) -> SplitName:
        """The split of an example: by its prompt's opening, unless a source holds a whole kind
        out."""
        return split_of(example.prompt)

    def run(self, out: Path, **inputs: Any) -> Mapping[str, Any]:
        splits: dict[SplitName, list[Any]] = {name: [] for name in SPLITS}
        for example in self.examples():
            splits[self.side(example)].append(example.row())
        needed = ("train", "held_out") if splits["train"] or splits["validation"] else ("held_out",)
        for name, rows in splits.items():
            if not rows and name in needed:  # rows that only test a model may be all that there is
                raise DataError(
                    f"Source '{self.name}' gave no example for the split '{name}': it needs more"
                    " rows. Conversations that begin with the same user's message are all in one"
                    " split."
                )
            write_jsonl(out / f"{name}.jsonl", rows)
        return {"examples": {name: len(rows) for name, rows in splits.items()}}


def load_split(folder: Path, split: SplitName) -> list[Example]:
    """The examples of one split of a source's folder."""
    path = folder / f"{split}.jsonl"
    return [Example.of(row, f"{path}, line {number}") for number, row in read_jsonl(path)]


def load_answered(folder: Path, split: SplitName) -> list[Example]:
    """`load_split`, for what teaches or compares answers; raises DataError where a prompt has
    none."""
    examples = load_split(folder, split)
    unanswered = [example.id for example in examples if not example.answer]
    if unanswered:
        raise DataError(
            f"{len(unanswered)} of {len(examples)} prompts in {folder / split}.jsonl have no answer"
            f" (the first is {unanswered[0]}): this source has prompts for a model to answer"
            " itself. Let the base answer them with the step own_answers, or use a source with"
            " answers."
        )
    return examples
