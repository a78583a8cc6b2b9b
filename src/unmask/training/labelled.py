"""Labelled rows: a prompt and a reply as token ids, with labels on what is taught; and batches of
them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError
from unmask.core.files import read_jsonl
from unmask.core.thoughts import closed
from unmask.models import chat
from unmask.training.rows import check_fits

IGNORED = -100
"""The label that the loss skips."""

Row = Mapping[str, list[int]]
"""Token ids: "input_ids" and, as long, "labels"."""


def tokenized(tokenizer: Any, path: Path, context: int) -> list[Row]:
    """Rows {"input_ids", "labels"}; labels are IGNORED on the prompt and on what is given of the
    reply.

    Raises DataError, never truncates.
    """
    prompts: list[Conversation] = []
    given: list[str] = []
    replies: list[str] = []
    marks = chat.marks(tokenizer)
    for number, row in read_jsonl(path):
        where = f"{path}, line {number}"
        prompts.append(Conversation.of(row.get("prompt") or [], f"{where}: prompt"))
        begin = _text(row.get("given", ""), "given", where)
        reply = _text(row.get("reply"), "reply", where)
        given.append(begin and closed(begin, marks))
        replies.append(reply if begin else closed(reply, marks))
    if not prompts:
        raise DataError(f"{path} has no rows: there is nothing to train on.")
    rows: list[Row] = []
    for start in range(0, len(prompts), 4096):
        batch = slice(start, start + 4096)
        heads = chat.encoded(tokenizer, prompts[batch], context)
        begun: list[list[int]] = tokenizer(given[batch], add_special_tokens=False)["input_ids"]
        tails = chat.reply_ids(tokenizer, replies[batch])
        for i, (prompt, beginning, tail) in enumerate(
            zip(heads, begun, tails, strict=True), start + 1
        ):
            head = prompt + beginning
            check_fits(f"{path}, line {i}", len(head), len(tail), context)
            rows.append({"input_ids": head + tail, "labels": [IGNORED] * len(head) + tail})
    return rows


def _text(value: Any, field: str, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: field '{field}' is {value!r}: it must be text.")
    return value


def all_labelled(row: Row) -> Row:
    """The row with a label on each of its tokens."""
    return {**row, "labels": row["input_ids"]}


def row_length(row: Row) -> int:
    """In tokens, padding aside."""
    return len(row["input_ids"])


@dataclasses.dataclass(frozen=True)
class Collator:
    """Pads on the right to the longest row: input_ids with `pad`, labels with IGNORED; int64 (rows,
    longest)."""

    pad: int

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        import torch

        longest = math.ceil(max(map(row_length, rows)) / 8) * 8

        def padded(values: list[list[int]], filler: int) -> Any:
            return torch.tensor([value + [filler] * (longest - len(value)) for value in values])

        ids = [row["input_ids"] for row in rows]
        return {
            "input_ids": padded(ids, self.pad),
            "attention_mask": padded([[1] * len(value) for value in ids], 0),
            "labels": padded([row["labels"] for row in rows], IGNORED),
        }


@dataclasses.dataclass(frozen=True)
class PairCollator:
    """A batch of comparisons as token ids (`dpo.Triple`): all better replies, then all worse ones,
    each behind its prompt, which alone has no label."""

    pad: int

    def __call__(self, rows: Sequence[Mapping[str, list[int]]]) -> dict[str, Any]:
        def side(row: Mapping[str, list[int]], name: str) -> Row:
            prompt, reply = row["prompt_ids"], row[name]
            return {"input_ids": prompt + reply, "labels": [IGNORED] * len(prompt) + reply}

        better = [side(row, "chosen_ids") for row in rows]
        return Collator(self.pad)([*better, *(side(row, "rejected_ids") for row in rows)])
