"""Files that are never half there: atomic writes, digests, JSON and JSON lines with errors that
name the place."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unmask.core.errors import DataError
from unmask.core.json_rows import expanded
from unmask.core.json_rows import read_jsonl as read_jsonl


def write_text(path: Path, text: str) -> None:
    """Write, fsync, rename: a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if (
        path.exists() and not path.is_file()
    ):  # a device or a pipe is written to; a file in its place would replace it
        path.write_text(text, encoding="utf-8")
        return
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(encoded(text))
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).chmod(0o666 & ~umask())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def umask() -> int:
    """What the user withholds from others; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file; raises DataError where there is none."""
    try:
        return json.loads(expanded(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}.") from None


def write_jsonl(path: Path, rows: Iterable[Any]) -> int:
    """One JSON value a line, streamed; returns how many."""
    count = 0
    with open(path, "wb") as file:
        for row in rows:
            file.write(encoded(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"))
            count += 1
    return count


def encoded(text: str) -> bytes:
    """UTF-8; half of a character, which no file can hold (an endpoint may reply so), becomes
    U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_files(folder: Path) -> list[Path]:
    """Every file under `folder`, sorted, relative to it."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
