"""Comparisons: a prompt, a helpful, honest and harmless answer to it, and a worse one.

Paper, section 3: what its preference model learns from. Deviation: the answers are a source's known
ones, not ratings of samples. An outside source's pairs (`chosen`, `rejected`) are one kind of
comparison, named "rejected".
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import DataError, SettingError, UnknownName, brief
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.named import Work
from unmask.data.contexts import Contexts
from unmask.data.sources.source import load_answered
from unmask.data.teach import passes

Pools = dict[str, list[Example]]

SUBTLE = ("wrong", "vulnerable", "rejected")
"""Kinds of worse answers that look like good ones."""


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers to one prompt, of which `chosen` is the better; `kind` says what is wrong with
    the other."""

    id: str
    prompt: Conversation
    chosen: str
    rejected: str
    kind: str

    def row(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "prompt": self.prompt.rows()}

    @staticmethod
    def of(row: Mapping[str, Any], where: str) -> Comparison:
        """From `row()`'s form; raises DataError naming `where` and the field."""
        for field in ("id", "chosen", "rejected", "kind"):
            if not isinstance(row.get(field), str):
                raise DataError(
                    f"{where}: field '{field}' is {brief(row.get(field))}: it must be text."
                )
        prompt = Conversation.of(row.get("prompt") or [], f"{where}: prompt")
        return Comparison(row["id"], prompt, row["chosen"], row["rejected"], row["kind"])


def pools(examples: Sequence[Example]) -> Pools:
    """The examples that have a worse answer of each kind; one that is no worse (the same text, or
    none) is none."""
    by_kind: Pools = {}
    for example in examples:
        for kind, worse in example.rejected.items():
            if worse.strip() and worse.strip() != example.answer.strip():
                by_kind.setdefault(kind, []).append(example)
    return dict(sorted(by_kind.items()))


def load_comparisons(path: Path) -> list[Comparison]:
    """Every comparison of a file; raises DataError where it has none."""
    comparisons = [Comparison.of(row, f"{path}, line {number}") for number, row in read_jsonl(path)]
    if not comparisons:
        raise DataError(f"{path} has no rows: there is nothing to compare.")
    return comparisons


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparisons(Work):
    """Good answers beside worse ones, in harmless contexts; rare kinds of worse answers as often as
    common ones.

    Writes train.jsonl (`examples` rows) and held_out.jsonl (of each kind `held_out` rows, or all
    there are), rows {"id", "prompt": messages, "chosen": text, "rejected": text, "kind": text}.
    `kinds` (empty: all) selects. A share `subtle` is of kinds that look like good answers, which
    take most learning; the rest is of the others. On either side all kinds are equally frequent,
    because the rare ones (compliance with harm, false claims about oneself) are what safety is
    about: their prompts come again and again, in other contexts.
    """

    name: ClassVar[str] = "comparisons"
    version: ClassVar[int] = 1

    examples: int = 12_800
    held_out: int = 256
    seed: int = 0
    subtle: float = 0.6
    kinds: tuple[str, ...] = ()
    contexts: Contexts = dataclasses.field(default_factory=Contexts)

    def __post_init__(self) -> None:
        if self.examples < 1 or self.held_out < 1:
            raise SettingError(
                f"examples={self.examples}, held_out={self.held_out}: comparisons need at least one"
                " of each."
            )
        if not 0 <= self.subtle <= 1:
            raise SettingError(f"subtle={self.subtle}: a share lies between 0 and 1.")

    def run(self, out: Path, *, data: Path) -> Mapping[str, Any]:
        """Raises DataError where the source has no worse answers, UnknownName for a kind that it
        does not have."""
        train = pools(load_answered(data, "train"))
        held_out = pools(load_answered(data, "held_out"))
        if not train or not held_out:
            raise DataError(
                f"The source in {data} has no worse answers to compare with in"
                f" {'held_out' if train else 'train'}.jsonl. Use toy_world, code_tasks, or enough"
                " rows with 'chosen' and 'rejected' answers (see the source jsonl)."
            )
        for kind in self.kinds:
            if kind not in train:
                raise UnknownName("kind of worse answer in this source", kind, train)
        kinds = self.kinds or tuple(train)
        written = write_jsonl(
            out / "train.jsonl", self._balanced({kind: train[kind] for kind in kinds})
        )
        unseen = {kind: held_out[kind] for kind in kinds if kind in held_out}
        return {
            "train": written,
            "held_out": write_jsonl(out / "held_out.jsonl", self._unseen(unseen)),
            "sources": {kind: len(train[kind]) for kind in kinds},
        }

    def _balanced(self, known: Pools) -> Iterator[dict[str, Any]]:
        """Each kind in shuffled passes over its examples; each comparison with a random state of
        its own."""
        drawn = {
            kind: passes(pool, random.Random(f"order {self.seed} {kind}"))
            for kind, pool in known.items()
        }
        subtle = [kind for kind in known if kind in SUBTLE]
        plain = [kind for kind in known if kind not in SUBTLE]
        for i in range(self.examples):
            rng = random.Random(f"{self.seed} {i}")
            kind = rng.choice(
                subtle if not plain or (subtle and rng.random() < self.subtle) else plain
            )
            yield self._row(next(drawn[kind]), kind, rng)

    def _unseen(self, known: Pools) -> Iterator[dict[str, Any]]:
        for kind, pool in known.items():
            for example in random.Random(f"held out {self.seed} {kind}").sample(
                pool, min(self.held_out, len(pool))
            ):
                yield self._row(
                    example, kind, random.Random(f"held out {self.seed} {kind} {example.id}")
                )

    def _row(self, example: Example, kind: str, rng: random.Random) -> dict[str, Any]:
        prompt = self.contexts.dress(example.prompt, rng)
        return Comparison(example.id, prompt, example.answer, example.rejected[kind], kind).row()
