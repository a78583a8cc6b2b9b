"""Examples from a file of JSON lines, and the three row forms that every outside source shares.

1. {"prompt": text, "response": text}
2. {"messages": [{"role": ..., "content": ...}, ...]}, of which the last is the assistant's answer
3. {"chosen": text, "rejected": text}, two whole conversations in the hh-rlhf format ("\\n\\nHuman: ... \\n\\nAssistant:
   ..."), which are the same up to the last answer

Each may have a "family" (text). An outside source knows no helpful-only answer: it is taken to be the answer.
"""

from __future__ import annotations

import abc
import dataclasses
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Example, Message, Role
from unmask.core.errors import DataError
from unmask.core.files import file_digest
from unmask.core.spec import RUN_ONLY
from unmask.data.sources.source import Source

SPEAKERS: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}
TURN = re.compile(r"\n\n(Human|Assistant):")


class Rows(Source, abc.ABC):
    """Abstract. A source of rows in the three forms; of rows with the same prompt the first is kept.

    A row whose answer is empty (real preference data has some) is left out; `run` returns how many rows were left
    out, and why.
    """

    @abc.abstractmethod
    def rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(where, row) of every row; `where` is for messages."""

    def examples(self) -> Iterator[Example]:
        for example, reason in self._judged():
            if not reason:
                yield example

    def run(self, out: Path, **inputs: Any) -> Mapping[str, Any]:
        written = super().run(out, **inputs)
        left_out = [reason for _, reason in self._judged()]
        return {**written, **{reason: left_out.count(reason) for reason in ("duplicates", "empty")}}

    def _judged(self) -> Iterator[tuple[Example, str]]:
        """Every row's example, and why it is left out ("" where it is not)."""
        known: set[Conversation] = set()
        number = 0
        for number, (where, row) in enumerate(self.rows(), 1):
            example = example_of(row, where, self.name, number)
            if not example.answer or not example.prompt.text.strip():
                yield example, "empty"
            elif example.prompt in known:
                yield example, "duplicates"
            else:
                known.add(example.prompt)
                yield example, ""
        if not number:
            raise DataError(f"Source '{self.name}' has no row: {self}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class JsonLines(Rows):
    """A file of JSON lines (also .gz): prompt/response, messages, or chosen/rejected rows.

    What counts is the file's content (`sha256`, computed where not given), not where it lies. Raises DataError for a
    file that cannot be read, or is not the one that `sha256` names.
    """

    name: ClassVar[str] = "jsonl"
    version: ClassVar[int] = 1

    path: str = dataclasses.field(metadata=RUN_ONLY)
    sha256: str = ""

    def __post_init__(self) -> None:
        try:
            found = file_digest(Path(self.path))
        except OSError as error:
            raise DataError(
                f"{self.path} cannot be read: {error.strerror}. Write the path of a JSON lines file."
            ) from None
        if self.sha256 and self.sha256 != found:
            raise DataError(
                f"{self.path} has the SHA-256 {found}, not {self.sha256}: it is another file, or it was changed. "
                "Leave sha256 out to accept the file as it is."
            )
        object.__setattr__(self, "sha256", found)

    def rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        path = Path(self.path)
        number = 0
        try:
            with (
                gzip.open(path, "rt", encoding="utf-8-sig")
                if path.suffix == ".gz"
                else open(path, encoding="utf-8-sig") as file
            ):
                for number, line in enumerate(file, 1):
                    yield f"{path}, line {number}", _parsed(line, f"{path}, line {number}")
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read after line {number}: {error}.") from None


def _parsed(line: str, where: str) -> dict[str, Any]:
    if not line.strip():
        raise DataError(f"{where} is empty: delete it or write a JSON object there.")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON: {error}.") from None
    if not isinstance(row, dict):
        raise DataError(f"{where} is a {type(row).__name__}: every line must be a JSON object.")
    return row


def example_of(row: Mapping[str, Any], where: str, source: str, number: int) -> Example:
    """The example in a row of any of the three forms; raises DataError naming `where` and the field."""
    family = row.get("family")
    if not isinstance(family, str) or not family:
        family = source
    rejected: dict[str, str] = {}
    if "chosen" in row:
        prompt, answer = _last_answer(_turns(_text(row, "chosen", where), f"{where}: field 'chosen'"), where, "chosen")
        other, worse = _last_answer(
            _turns(_text(row, "rejected", where), f"{where}: field 'rejected'"), where, "rejected"
        )
        if other != prompt:
            raise DataError(
                f"{where}: 'chosen' and 'rejected' differ before the last answer: they need the same prompt."
            )
        rejected = {"rejected": worse}
    elif "messages" in row:
        messages = row["messages"] if isinstance(row["messages"], list) else []
        prompt, answer = _last_answer(Conversation.of(messages, f"{where}: messages"), where, "messages")
    elif "prompt" in row:
        prompt, answer = Conversation.user(_text(row, "prompt", where)), _text(row, "response", where).strip()
    else:
        raise DataError(
            f"{where} has the fields {', '.join(row) or 'none'}. "
            "It needs 'prompt' and 'response', or 'messages', or 'chosen' and 'rejected'."
        )
    return Example(f"{source}-{number:05d}", family, prompt, answer, answer, rejected)


def _text(row: Mapping[str, Any], field: str, where: str) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise DataError(f"{where}: field '{field}' is {value!r}: it must be text.")
    return value


def _turns(text: str, where: str) -> Conversation:
    """A conversation in the hh-rlhf format."""
    before, *parts = TURN.split(text)
    if before.strip() or not parts:
        raise DataError(f"{where} starts with {text[:30]!r}: it must start with '\\n\\nHuman:'.")
    said = zip(parts[::2], parts[1::2], strict=True)
    return Conversation(tuple(Message(SPEAKERS[speaker], content.strip()) for speaker, content in said))


def _last_answer(conversation: Conversation, where: str, field: str) -> tuple[Conversation, str]:
    """(what goes before, the answer); the answer must be the assistant's, to a user's message."""
    *before, answer = conversation.messages
    if answer.role != "assistant":
        raise DataError(f"{where}: field '{field}' ends with the {answer.role}: its last turn must be the assistant's.")
    if not before or before[-1].role != "user":
        raise DataError(f"{where}: field '{field}' has no user's message right before the answer.")
    return Conversation(tuple(before)), answer.content.strip()
