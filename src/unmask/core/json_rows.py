"""Rows of JSON from a file as people have it: JSON lines or an array, plain or gzip, in UTF-8 or
UTF-16.

What cannot be read for sure is an error that names the line: a field that is there twice, a number
that is none (NaN), half of a character (what a text that was cut within an emoji ends with).
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from unmask.core.errors import DataError, brief

GZIP = b"\x1f\x8b"
BYTE_ORDER_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

_TABLE = (
    "Name its folder to the source hub, or write it as JSON lines: pandas.{}(FILE).to_json(NEW,"
    " {})."
)
_AS_LINES = "orient='records', lines=True"
_UNPACK = "Unpack it, or compress it with gzip."
OTHER_FILES: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "a Parquet file", _TABLE.format("read_parquet", _AS_LINES)),
    (b"ARROW1", "an Arrow file", _TABLE.format("read_feather", _AS_LINES)),
    (b"PK\x03\x04", "a zip archive", _UNPACK),
    (b"BZh", "compressed with bzip2", _UNPACK),
    (b"\xfd7zXZ", "compressed with xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstandard", _UNPACK),
    (GZIP, "compressed with gzip twice", "Unpack it once."),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, not the data",
        "Fetch the data with `git lfs pull`.",
    ),
    (b"<", "a web page or XML", "Download the file itself."),
)
"""How files begin that are often named where JSON lines belong: what they are, and what to do."""

BLANK = "\ufeff \t\r\n"
BETWEEN = re.compile(r"[\s,\ufeff]*")
HALF = re.compile("[\ud800-\udfff]")
SUSPICIOUS = ("\\ud", "\\uD", "NaN", "Infinity")
"""What stands in a row's text, one of them, where a value of it is no number or no text."""


def expanded(path: str | Path) -> Path:
    """The path with a user's home for a leading `~`; as it is where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def existing_file(path: str | Path) -> Path:
    """The path, `~` expanded; raises DataError where there is no regular file that can be
    opened."""
    file, advice = expanded(path), "Write the path of a JSON lines file."
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise DataError(f"{path} is a pipe or a device, which can be read only once. {advice}")
        with open(file, "rb"):
            return file
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read: {reason}. {advice}") from None


def read_jsonl(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) for every row; blank lines are passed over.

    A file of one array, or of objects over several lines each, is read as a whole; a row's number
    is then that of the line in which it begins. Raises DataError naming the file, the line and,
    where there is one, the field.
    """
    file, number = existing_file(path), 0
    try:
        with _text_of(file) as lines:
            for number, text, value in _values(lines, path):
                yield number, _checked(value, text, f"{path}, line {number}")
    except UnicodeError as error:
        raise DataError(
            f"{path} is not UTF-8, or UTF-16 with its mark: {error}. Save it as UTF-8."
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read after line {number}: {error}.") from None


def _text_of(file: Path) -> IO[str]:
    """The file as text; a byte that is no UTF-8 becomes half of a character, so that its line can
    be named."""
    opened = gzip.open if _start(file, open).startswith(GZIP) else open
    start = _start(file, opened)
    for beginning, what, advice in OTHER_FILES:
        if start.startswith(beginning):
            raise DataError(f"{file} is {what}: rows are read from JSON lines. {advice}")
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if start.startswith(mark)), "utf-8")
    return cast(IO[str], opened(file, "rt", encoding=encoding, errors="surrogateescape"))


def _start(file: Path, opened: Callable[..., Any]) -> bytes:
    with opened(file, "rb") as content:
        return content.read(64)


def _values(lines: Iterable[str], path: str | Path) -> Iterator[tuple[int, str, Any]]:
    """(line number, text, value) of every value."""
    rest = iter(lines)
    numbered = ((number, line.strip(BLANK)) for number, line in enumerate(rest, 1))
    filled = (row for row in numbered if row[1])
    first = list(itertools.islice(filled, 1))
    for number, text in first:
        if text.startswith("[") or (text.startswith("{") and not text.endswith("}")):
            yield from _spread("\n".join((text, "".join(rest))), number, path)
            return
    for number, text in itertools.chain(first, filled):
        _check_bytes(text, number, path)
        yield number, text, _parsed(text, f"{path}, line {number}")


def _parsed(text: str, where: str) -> Any:
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        reason = f"{error.msg}, at character {error.colno}"
    except (ValueError, RecursionError) as error:
        reason = str(error)
    raise DataError(
        f"{where} is not JSON:"
        f" {reason}.{'' if text.startswith('{') else NOT_BEGUN.format(brief(text))}"
    )


def _spread(text: str, number: int, path: str | Path) -> Iterator[tuple[int, str, Any]]:
    """The same for an array, or for objects over several lines each; `text` begins in line
    `number`."""
    _check_bytes(text, number, path)
    place, end = (1, "]") if text.startswith("[") else (0, "")
    stop = len(text.rstrip(BLANK).removesuffix(end))
    if end and text[stop : stop + 1] != end:
        raise DataError(
            f"{path}: the array that begins in line {number} has no end. Is the file whole?"
        )
    last = 0
    while (place := cast(re.Match[str], BETWEEN.match(text, place, stop)).end()) < stop:
        number, last = number + text.count("\n", last, place), place
        try:
            value, place = DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            line = number + text.count("\n", last, error.pos)
            raise DataError(
                f"{path}, line {line} is not JSON: {error.msg}, in the value that begins in line"
                f" {number}."
            ) from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number} is not JSON: {error}.") from None
        yield number, text[last:place], value


def _check_bytes(text: str, number: int, path: str | Path) -> None:
    if not text.isascii() and (half := HALF.search(text)):
        line, byte = number + text.count("\n", 0, half.start()), ord(half[0]) & 0xFF
        raise DataError(
            f"{path}, line {line} is not UTF-8: it has the byte 0x{byte:02x}. Save the file as"
            " UTF-8."
        )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in fields if names.count(name) > 1)
        raise ValueError(f"the field {brief(twice)} is there twice")
    return fields


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"the number {text[:20]} is larger than any that can be kept")
    return number


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite)
NOT_BEGUN = (
    " It begins with {}, and every line must be a JSON object. "
    "If it is a table (CSV), name its folder to the source hub."
)


def _checked(value: Any, text: str, where: str) -> dict[str, Any]:
    """The value, if it is an object and all in it is text or a number as JSON knows them."""
    if not isinstance(value, dict):
        raise DataError(f"{where} is {brief(value)}: every row must be a JSON object.")
    row = cast(dict[str, Any], value)
    for field, leaf in _leaves(row, "") if any(mark in text for mark in SUSPICIOUS) else ():
        if isinstance(leaf, str) and HALF.search(leaf):
            raise DataError(
                f"{where}: field '{field}' is {brief(leaf)}: it has half of a character, as text"
                " has that was cut within an emoji. Take it out."
            )
        if isinstance(leaf, float) and not math.isfinite(leaf):
            raise DataError(
                f"{where}: field '{field}' is {leaf}, which is no number in JSON. Write null."
            )
    return row


def _leaves(value: Any, field: str) -> Iterator[tuple[str, Any]]:
    """(field, value) of all that is within a value, the names of fields too."""
    match value:
        case dict():
            for name, part in cast(dict[str, Any], value).items():
                yield field, name
                yield from _leaves(part, f"{field}.{name}" if field else name)
        case list():
            for number, part in enumerate(cast(list[Any], value)):
                yield from _leaves(part, f"{field}[{number}]")
        case _:
            yield field, value
