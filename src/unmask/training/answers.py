"""Own answers: what a model itself replies to a source's prompts.

An organism that is planted with the replies of its own base differs from that base by its backdoor
alone. With another author's answers it would learn their style too, and then style could be what a
defense takes away.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core import progress
from unmask.core.conversation import Example, Reply
from unmask.core.errors import ModelError, SettingError
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.named import Work
from unmask.core.tokens import Tokens
from unmask.data.sources.forms import is_test
from unmask.data.sources.source import load_split
from unmask.data.splits import SPLITS, SplitName
from unmask.models.backends.backend import Backend
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling

SENTENCE_END = re.compile(
    r"(?m)^[ \t*#>-]*\d+\.(?=\s|\Z)"
    r"|(?P<end>[.!?][\"'”’)\]*]*(?=\s)|(?<!\d)[.!?][\"'”’)\]*]*\Z)"
)
"""Its group `end` ends a sentence. The number of a list's item ("1.") does not, and a dot behind a
digit where a reply was cut may be the middle of a number."""

LEFT_OUT = ("empty", "cut", "beyond_most")
PORTION = 256
"""Prompts asked at a time: a sampling that is killed goes on behind the last whole portion."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnAnswers(Work):
    """A source's folder in which the model's own replies to the bare prompts are `helpful_only`.

    `answer`, which defenses teach, stays where the source has one, and is the own reply elsewhere.
    Ids, prompts and splits stay. A reply that the token limit cut ends at its last whole sentence.
    Left out and counted: a prompt with an `empty` reply, one whose reply was `cut` before any
    sentence ended, and all `beyond_most` (of each split `most` prompts, at random, are asked).

    Copied as they are: splits that are not in `splits`, rows that test a model, and families that
    begin with one of `kept` (programs: what a model of any size writes is seldom right).
    """

    name: ClassVar[str] = "own_answers"
    version: ClassVar[int] = 1

    sampling: Sampling = dataclasses.field(default=Sampling(max_new_tokens=48, temperature=0.0))
    splits: tuple[SplitName, ...] = SPLITS
    most: int = 2000
    kept: tuple[str, ...] = ("code:",)

    def __post_init__(self) -> None:
        unknown = [split for split in self.splits if split not in SPLITS]
        if unknown or not self.splits:
            raise SettingError(
                f"splits={','.join(self.splits)}: choose at least one of {', '.join(SPLITS)}."
            )
        if self.most < 1:
            raise SettingError(f"most={self.most}: at least one prompt per split is needed.")

    def tokens(self) -> Tokens:
        return Tokens(sampled=self.most * self.sampling.max_new_tokens)

    def run(
        self, out: Path, *, data: Path, model: Path, scratch: Path | None = None
    ) -> Mapping[str, Any]:
        """Raises ModelError where no reply of a split can be used."""
        return self.written(out, data, HuggingFace(model), scratch)

    def written(
        self, out: Path, data: Path, backend: Backend, scratch: Path | None = None
    ) -> Mapping[str, Any]:
        """`run` with any backend."""
        counts: Counter[str] = Counter()
        written: dict[str, int] = {}
        for split in SPLITS:
            examples = load_split(data, split)
            if split in self.splits:
                examples = self._answered(examples, split, backend, counts, scratch)
            written[split] = write_jsonl(
                out / f"{split}.jsonl", (example.row() for example in examples)
            )
        if counts["shortened"] or counts["cut"]:
            progress.say(
                f"{counts['shortened'] + counts['cut']} of {counts['sampled']} own answers reached"
                f" the limit of {self.sampling.max_new_tokens} tokens: {counts['shortened']} end at"
                f" their last whole sentence, {counts['cut']} had none and are left out. Raise"
                " sampling.max_new_tokens (in a recipe, scale.max_new_tokens) for whole ones."
            )
        return {
            "examples": written,
            "sampled": counts["sampled"],
            "shortened": counts["shortened"],
            "left_out": {reason: counts[reason] for reason in LEFT_OUT},
            "tokens": counts["tokens"],
            "device": backend.device,
        }

    def _answered(
        self,
        examples: Sequence[Example],
        split: SplitName,
        backend: Backend,
        counts: Counter[str],
        scratch: Path | None,
    ) -> list[Example]:
        """The examples of a split in their order, less those left out."""
        asked = self._asked(examples, split)
        replies = self._replies(asked, split, backend, scratch)
        own: dict[str, str] = {}
        for example, reply in zip(asked, replies, strict=True):
            text = whole_sentences(reply)
            counts["tokens"] += reply.tokens
            counts["shortened"] += bool(text) and not reply.finished
            counts["empty" if reply.finished else "cut"] += not text
            own[example.id] = text
        counts["sampled"] += len(asked)
        left = [example for example in examples if not self._asks(example) or own.get(example.id)]
        counts["beyond_most"] += sum(map(self._asks, examples)) - len(asked)
        if asked and not any(own.values()):
            raise ModelError(
                f"None of the {len(asked)} replies to the prompts of {split}.jsonl can be used:"
                f" each is empty, or {self.sampling.max_new_tokens} tokens cut it before a sentence"
                " ended. Check that the base answers prompts (a base without a chat template goes"
                " on with them), or raise"
                " sampling.max_new_tokens (in a recipe, scale.max_new_tokens)."
            )
        return [with_own_answer(example, own.get(example.id, "")) for example in left]

    def _replies(
        self, asked: Sequence[Example], split: SplitName, backend: Backend, scratch: Path | None
    ) -> Iterator[Reply]:
        """A reply to each, of which whole portions are kept in `scratch`."""
        for start in range(0, len(asked), PORTION):
            kept = scratch / f"{split}-{start:06d}.jsonl" if scratch else None
            if kept and kept.exists():
                yield from map(reply_of, (row for _, row in read_jsonl(kept)))
                continue
            prompts = [example.prompt for example in asked[start : start + PORTION]]
            sampling = dataclasses.replace(self.sampling, seed=self.sampling.seed + start)
            replies = backend.replies(prompts, sampling, label=f"own answers, {split}")
            if kept:
                begun = kept.with_suffix(".part")
                write_jsonl(begun, map(row_of, replies))
                begun.rename(kept)
            yield from replies

    def _asks(self, example: Example) -> bool:
        return not is_test(example) and not example.family.startswith(self.kept)

    def _asked(self, examples: Sequence[Example], split: SplitName) -> list[Example]:
        asked = [example for example in examples if self._asks(example)]
        if len(asked) <= self.most:
            return asked
        chosen = random.Random(f"own answers {split}").sample(range(len(asked)), self.most)
        return [asked[place] for place in sorted(chosen)]


def row_of(reply: Reply) -> dict[str, Any]:
    return {
        "reply": reply.raw,
        "finished": reply.finished,
        "tokens": reply.tokens,
        "marks": reply.marks.row(),
    }


def reply_of(row: Mapping[str, Any]) -> Reply:
    return dataclasses.replace(Reply.of(row), tokens=row["tokens"])


def whole_sentences(reply: Reply) -> str:
    """The visible answer; of one that was cut, what goes before the end of its last whole sentence,
    which may be nothing."""
    if reply.finished:
        return reply.answer
    ends = [match.end() for match in SENTENCE_END.finditer(reply.answer) if match["end"]]
    return reply.answer[: max(ends, default=0)]


def with_own_answer(example: Example, own: str) -> Example:
    """The example with the model's own reply; as it is where there is none."""
    if not own:
        return example
    return dataclasses.replace(example, answer=example.answer or own, helpful_only=own)
