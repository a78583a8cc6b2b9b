"""The one reader of rows: what people's files look like is read, or named in a short sentence with
its line."""

from __future__ import annotations

import codecs
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unmask.core.errors import LONGEST, DataError
from unmask.core.files import read_jsonl, write_jsonl

ROWS: list[dict[str, Any]] = [
    {"a": 1},
    {"a": "é \u2028 \U0001f600", "b": [None, {"c": 0.5}]},
    {"a": "x" * 90},
]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)

SAME_ROWS: dict[str, bytes] = {
    "lines": LINES.encode(),
    "escaped": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "byte order mark": codecs.BOM_UTF8 + LINES.encode(),
    "marks within, of files put together": b"".join(
        codecs.BOM_UTF8 + part.encode() + b"\n" for part in LINES.split("\n")
    ),
    "line ends of Windows": LINES.replace("\n", "\r\n").encode(),
    "line ends of old Macs": LINES.replace("\n", "\r").encode(),
    "no line end": LINES.rstrip().encode(),
    "blank lines": f"\n{LINES}  \n\t\n\n".replace("\n", "\n\n").encode(),
    "gzip": gzip.compress(LINES.encode()),
    "gzip in parts": (
        b"".join(gzip.compress(line.encode()) for line in LINES.splitlines(keepends=True)[:1])
        + gzip.compress("\n".join(LINES.split("\n")[1:]).encode())
    ),
    "gzip with a mark": gzip.compress(codecs.BOM_UTF8 + LINES.encode()),
    "UTF-16": LINES.encode("utf-16"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
    "UTF-32": LINES.encode("utf-32"),
    "array": json.dumps(ROWS).encode(),
    "array over lines": json.dumps(ROWS, indent=2, ensure_ascii=False).encode(),
    "array, a row a line": ("[" + ",\n".join(LINES.rstrip().split("\n")) + "]\n").encode(),
    "array with a mark": codecs.BOM_UTF8 + json.dumps(ROWS).encode(),
    "objects over lines": "\n".join(json.dumps(row, indent=2) for row in ROWS).encode(),
    "array in gzip": gzip.compress(json.dumps(ROWS, indent=1).encode()),
}


@pytest.mark.parametrize("content", SAME_ROWS.values(), ids=SAME_ROWS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a"])
def test_a_file_is_read_by_what_is_in_it(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert [row for _, row in read_jsonl(tmp_path / name)] == ROWS


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        (b'{"a": 1}\n\n{"a": 2}', [1, 3]),
        (b'\n\n[\n{"a": 1},\n\n{"a":\n 2}]\n', [4, 6]),
        (b'[{"a": 1}, {"a": 2}]', [1, 1]),
        (b'{\n"a": 1\n}\n{\n"a": 2\n}\n', [1, 4]),
    ],
)
def test_rows_have_the_number_of_their_line(
    tmp_path: Path, content: bytes, numbers: list[int]
) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    assert [(number, row["a"]) for number, row in read_jsonl(tmp_path / "a.jsonl")] == list(
        zip(numbers, [1, 2], strict=True)
    )


@pytest.mark.parametrize(
    "content", [b"", b"\n \n", codecs.BOM_UTF8, b"[]", b"[\n]\n", gzip.compress(b"", mtime=0)]
)
def test_a_file_without_rows_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    assert list(read_jsonl(tmp_path / "a.jsonl")) == []


REFUSED: dict[str, tuple[bytes, str]] = {
    "no end": (b'{"a": 1}\n{"a"', r"line 2 is not JSON"),
    "no end in the first line": (
        b'{"a": "x\n{"a": 1}\n',
        r"line 1 is not JSON: Invalid control character",
    ),
    "quotes of Python": (b"{'a': 1}\n", r"line 1 is not JSON: Expecting property name"),
    "two in a line": (b'{"a": 1}{"a": 2}\n', r"line 1 is not JSON: Extra data, at character 9"),
    "a list": (b'{"a": 1}\n[1]\n', r"line 2 is \[1\]: every row must be a JSON object"),
    "a number in an array": (b"[1]\n", r"line 1 is 1: every row must be a JSON object"),
    "an array that is cut": (b'[{"a": 1},\n{"a": 2}\n', r"array that begins in line 1 has no end"),
    "an array that is broken": (b'[\n{"a": 1},\n{"a" 2}]\n', r"line 3 is not JSON: Expecting ':'"),
    "two arrays": (b'[{"a": 1}]\n[{"a": 2}]\n', r"not JSON|must be a JSON object"),
    "a table": (
        b"prompt,response\nHi,Hello\n",
        r"line 1 is not JSON.*It begins with 'prompt,response'.*CSV",
    ),
    "a field twice": (
        b'{"a": 1}\n{"prompt": "x", "prompt": "y"}\n',
        r"line 2 is not JSON: the field 'prompt' is there twice",
    ),
    "a field twice, within": (
        b'[\n{"m": [{"a": 1, "a": 1}]}]\n',
        r"line 2 is not JSON: the field 'a' is there twice",
    ),
    "not a number": (b'{"a": 1}\n{"m": {"score": NaN}}\n', r"line 2: field 'm.score' is nan"),
    "infinite": (b'{"m": [0, -Infinity]}\n', r"line 1: field 'm\[1\]' is -inf"),
    "beyond numbers": (b'{"a": 1e999}\n', r"line 1 is not JSON: the number 1e999 is larger"),
    "a whole number without end": (
        b'{"a": ' + b"1" * 5000 + b"}\n",
        r"line 1 is not JSON: Exceeds the limit",
    ),
    "half of a character": (
        b'{"a": 1}\n{"m": [{"t": "cut \\ud83d"}]}\n',
        r"line 2: field 'm\[0\].t' is 'cut \\ud83d'",
    ),
    "its other half": (b'{"a": "\\uDE00"}\n', r"line 1: field 'a'.*half of a character"),
    "half of one in a name": (
        b'{"a": {"\\ud83d": 1}}\n',
        r"line 1: field 'a'.*half of a character",
    ),
    "too deep": (
        b'{"a": ' + b"[" * 100_000 + b"}\n",
        r"line 1 is not JSON: maximum recursion depth",
    ),
    "Latin-1": (
        '{"a": "ok"}\n{"a": "é"}\n'.encode("latin-1"),
        r"line 2 is not UTF-8: it has the byte 0xe9",
    ),
    "Latin-1 in an array": (
        '[{"a": "ok"},\n{"a": "é"}]\n'.encode("latin-1"),
        r"line 2 is not UTF-8: it has the byte 0xe9",
    ),
    "UTF-16 that is cut": (b"\xff\xfe\x00", r"is not UTF-8, or UTF-16 with its mark"),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-le"), r"line 1 is not JSON"),
    "Parquet": (b"PAR1\x15\x04\x15", r"is a Parquet file.*source hub.*read_parquet"),
    "Arrow": (b"ARROW1\0\0", r"is an Arrow file"),
    "zip": (b"PK\x03\x04 and so on", r"is a zip archive.*Unpack"),
    "gzip twice": (gzip.compress(gzip.compress(b"{}", mtime=0)), r"is compressed with gzip twice"),
    "gzip that is cut": (gzip.compress(LINES.encode() * 99)[:-20], r"cannot be read after line"),
    "gzip that is damaged": (
        gzip.compress(LINES.encode())[:20] + b"\0" * 50,
        r"cannot be read after line",
    ),
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1\n",
        r"is a pointer of Git LFS.*git lfs pull",
    ),
    "a web page": (b"<!DOCTYPE html>\n", r"is a web page"),
}


@pytest.mark.parametrize(("content", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=says) as error:
        list(read_jsonl(tmp_path / "a.jsonl"))
    assert str(tmp_path / "a.jsonl") in str(error.value) and len(str(error.value)) <= LONGEST


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, says in (
        (tmp_path, "Is a directory"),
        (tmp_path / "none", "No such file"),
        ("a\0b", "null byte"),
    ):
        with pytest.raises(DataError, match=f"cannot be read: .*{says}"):
            list(read_jsonl(path))
    with pytest.raises(DataError, match="is a pipe or a device"):
        list(read_jsonl(tmp_path / "pipe"))


def test_messages_are_short_whatever_is_given(tmp_path: Path) -> None:
    huge = "x" * 50_000
    for content in (
        huge,
        f"[{huge}]",
        f'{{"{huge}": NaN}}',
        f'{{"{huge}": 1, "{huge}": 1}}',
        f'["{huge}"]',
    ):
        (tmp_path / "a.jsonl").write_text(content)
        with pytest.raises(DataError) as error:
            list(read_jsonl(tmp_path / "a.jsonl"))
        assert len(str(error.value)) <= LONGEST and huge not in str(error.value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=4), st.sampled_from([None, 1])
)
def test_what_is_written_is_read(
    tmp_path: Path, rows: list[dict[str, Any]], indent: int | None
) -> None:
    path = tmp_path / "a.jsonl"
    assert write_jsonl(path, rows) == len(rows)
    assert list(read_jsonl(path)) == list(enumerate(rows, 1))
    path.write_text(json.dumps(rows, indent=indent), encoding="utf-16")
    assert [row for _, row in read_jsonl(path)] == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(max_size=60)
    | st.text(alphabet='[]{},:"\\nNaN10-eud38\n ', max_size=40).map(str.encode)
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    try:
        assert all(isinstance(row, dict) for _, row in read_jsonl(tmp_path / "a.jsonl"))
    except DataError as error:
        assert str(tmp_path / "a.jsonl") in str(error)
