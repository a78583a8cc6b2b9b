"""Examples from a file of JSON lines, and what every outside source of rows shares.

The forms of rows are those of `forms.py`. Each row may have a "family" (text), which for statements
and multiple choice is the group or subject; one without it has the source's. An outside source
knows no helpful-only answer: it is taken to be the answer.
"""

from __future__ import annotations

import abc
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import DataError, SettingError, UnknownName
from unmask.core.files import file_digest, read_jsonl
from unmask.core.json_rows import existing_file
from unmask.core.spec import LATER, RUN_ONLY
from unmask.data.sources.forms import example_of, is_test
from unmask.data.sources.source import Source
from unmask.data.splits import SplitName, one_prompt, plain

LEFT_OUT = ("duplicates", "empty", "too_long")
Answers = Literal["needed", "if_any", "dropped"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows(Source, abc.ABC):
    """Abstract. A source of rows (see `forms.py`); of rows with one prompt (see `one_prompt`) the
    first is kept.

    A row whose answer is empty (real preference data has some) is left out, and so is one that has,
    prompt and longest answer together, more characters than `longest` (0: none is too long); `run`
    returns how many rows were left out, and why, and how many of those kept are `ties`: their worse
    answer is the same or empty, so they compare nothing. Nothing is ever cut: a row that does not
    fit into a model's context is an error there.

    With `answers` "if_any", rows without an answer are kept, as prompts for a model to answer
    itself; with "dropped" all are, and of each conversation only its beginning, up to the first
    thing that the user says. Rows that test a model stay as they are.
    """

    longest: int = 0
    answers: Answers = dataclasses.field(default="needed", metadata=LATER)

    def __post_init__(self) -> None:
        if self.longest < 0:
            raise SettingError(
                f"longest={self.longest}: a number of characters, or 0 where none is too long."
            )
        if self.answers not in get_args(Answers):
            raise UnknownName("setting 'answers' of a source", self.answers, get_args(Answers))

    @abc.abstractmethod
    def rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(where, row) of every row; `where` is for messages."""

    @property
    def group(self) -> str:
        """The group or subject of rows that test a model and name none."""
        return self.name

    def check(self) -> None:
        """Raise DataError where the first row that could be kept is none."""
        next(self._judged(), None)

    def examples(self) -> Iterator[Example]:
        for example, reason in self._judged():
            if not reason:
                yield example

    def side(self, example: Example) -> SplitName:
        return "held_out" if is_test(example) else super().side(example)

    def run(self, out: Path, **inputs: Any) -> Mapping[str, Any]:
        judged = Counter(
            "ties" if is_tie(example) and not reason else reason
            for example, reason in self._judged()
        )
        left_out = {reason: judged[reason] for reason in LEFT_OUT}
        try:
            return {**super().run(out, **inputs), **left_out, "ties": judged["ties"]}
        except DataError as error:
            reasons = ", ".join(
                f"{count} {reason.replace('_', ' ')}" for reason, count in left_out.items() if count
            )
            raise DataError(
                f"{error} Left out of {judged.total()} rows: {reasons}." if reasons else str(error)
            ) from None

    def _judged(self) -> Iterator[tuple[Example, str]]:
        """Every row's example, and why it is left out ("" where it is not)."""
        known: set[Conversation] = set()
        number = 0
        for number, (where, row) in enumerate(self.rows(), 1):
            example = self._kept(
                example_of(row, where, self.name, number, self.group, self.answers != "needed")
            )
            prompt = one_prompt(example.prompt)
            answered = bool(plain(example.answer)) or self.answers != "needed"
            if not answered or not prompt.text:
                yield example, "empty"
            elif 0 < self.longest < length(example):
                yield example, "too_long"
            elif prompt in known:
                yield example, "duplicates"
            else:
                known.add(prompt)
                yield example, ""
        if not number:
            raise DataError(f"Source '{self.name}' has no row: {self}.")

    def _kept(self, example: Example) -> Example:
        """What `answers` leaves of an example."""
        if self.answers == "needed" or is_test(example):
            return example
        if self.answers == "if_any" and plain(example.answer):
            return example
        prompt = beginning(example.prompt) if self.answers == "dropped" else example.prompt
        return Example(example.id, example.family, prompt, "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class JsonLines(Rows):
    """A file of JSON lines, or of one JSON array, also in gzip, with rows in any of the forms.

    What counts is the file's content (`sha256`, computed where not given), not where it lies; its
    name is only the label of a group that has none. Raises DataError for a file that cannot be
    read, or is not the one that `sha256` names.
    """

    name: ClassVar[str] = "jsonl"
    version: ClassVar[int] = 3

    path: str = dataclasses.field(metadata=RUN_ONLY)
    sha256: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        checksum = file_digest(existing_file(self.path))
        if self.sha256 and self.sha256 != checksum:
            raise DataError(
                f"{self.path} has the SHA-256 {checksum}, not {self.sha256}: it is another file, or"
                " it was changed. Leave sha256 out to accept the file as it is."
            )
        object.__setattr__(self, "sha256", checksum)

    @property
    def group(self) -> str:
        return Path(self.path).name.partition(".")[0]

    def rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        return ((f"{self.path}, line {number}", row) for number, row in read_jsonl(self.path))


def is_tie(example: Example) -> bool:
    """Whether one of its worse answers is no worse: the same text, or none."""
    return any(worse.strip() in ("", example.answer) for worse in example.rejected.values())


def beginning(prompt: Conversation) -> Conversation:
    """The conversation up to the first thing that the user says; it ends with the user."""
    roles = [message.role for message in prompt.messages]
    return Conversation(prompt.messages[: roles.index("user") + 1])


def length(example: Example) -> int:
    """Characters of the prompt and its longest answer."""
    return len(example.prompt.full_text) + max(
        map(len, (example.answer, *example.rejected.values()))
    )
