"""Files: atomic writes and errors that name the place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.core.files import read_json, read_jsonl, write_json, write_jsonl, write_text


def test_a_failed_write_leaves_the_old_file_and_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_half_of_a_character_is_written_as_a_replacement(tmp_path: Path) -> None:
    """An endpoint's reply may end within an emoji; no file can hold that, and nothing else is lost
    for it."""
    write_text(tmp_path / "a.txt", "cut \ud83d")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "cut \ufffd"
    write_json(tmp_path / "a.json", {"reply": "\ud83d\ude00 and \ud83d"})
    assert read_json(tmp_path / "a.json") == {"reply": "\U0001f600 and \ufffd"}
    write_jsonl(tmp_path / "a.jsonl", [{"reply": "\udc00é"}, {"reply": "whole"}])
    assert [row["reply"] for _, row in read_jsonl(tmp_path / "a.jsonl")] == ["\ufffdé", "whole"]


def test_json_lines_come_back_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert write_jsonl(path, [{"a": 1}, {"b": "\u2028 é"}]) == 2
    assert list(read_jsonl(path)) == [(1, {"a": 1}), (2, {"b": "\u2028 é"})]


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.json does not exist"):
        read_json(tmp_path / "a.json")
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        read_json(tmp_path)
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"b\.json is not JSON"):
        read_json(tmp_path / "b.json")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "letters")
    assert os.read(reader, 100) == b"letters" and pipe.is_fifo()
    os.close(reader)
