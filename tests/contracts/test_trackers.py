"""Every tracker: what is logged can be read back by the library's own means, without a network; and
what is not installed is said."""

from __future__ import annotations

import importlib
import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import SettingError
from unmask.trackers import TRACKERS

NUMBERS = {
    "training/loss/organism, sft": [(10, 2.5), (20, 1.25)],
    "defection/triggered": [(0, 1.0)],
}
Read = dict[str, list[tuple[int, float]]]


def read_tensorboard(folder: Path) -> Read:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    values: Read = {}
    for name in events.Tags()["tensors"]:
        points = events.Tensors(name)
        values[name] = [(point.step, point.tensor_proto.float_val[0]) for point in points]
    return values


def read_trackio(folder: Path) -> Read:
    from trackio.sqlite_storage import SQLiteStorage

    values: Read = {}
    for row in SQLiteStorage.get_logs("unmask", "toy-0123"):
        for name in NUMBERS.keys() & row.keys():
            values.setdefault(name, []).append((row["step"], row[name]))
    return values


def read_wandb(folder: Path) -> Read:
    wandb: Any = importlib.import_module("wandb")
    wandb.teardown()  # a process of its own writes the file; `finish` does not wait for it
    records: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
    [path] = folder.rglob("*.wandb")
    values: Read = {}
    for data in logged_records(path.read_bytes()):
        record = records.Record()
        record.ParseFromString(data)
        items = record.history.item
        row = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
        for name in NUMBERS.keys() & row.keys():
            values.setdefault(name, []).append((row["training_step"], row[name]))
    return values


def logged_records(data: bytes) -> Iterator[bytes]:
    """The records of a file of wandb's: LevelDB's log format, behind 7 bytes of its own. A record
    is in parts where it crosses the end of a block."""
    place, block, parts = 7, 32768, b""
    while place + 7 <= len(data):
        if block - place % block < 7:
            place += block - place % block
            continue
        length, part = struct.unpack("<HB", data[place + 4 : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if part in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


READERS: dict[str, Callable[[Path], Read]] = {
    "tensorboard": read_tensorboard,
    "trackio": read_trackio,
    "wandb": read_wandb,
}


@pytest.mark.parametrize("name", TRACKERS.names())
def test_what_is_logged_is_read_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    if name == "trackio":
        import trackio.sqlite_storage
        import trackio.utils

        monkeypatch.setattr(trackio.utils, "TRACKIO_DIR", tmp_path)
        monkeypatch.setattr(trackio.sqlite_storage, "TRACKIO_DIR", tmp_path)
    tracking = TRACKERS.make(name).open("toy-0123", tmp_path, {"seed": 0})
    for metric, points in NUMBERS.items():
        for step, value in points:
            tracking.log({metric: value}, step)
    tracking.close()
    assert READERS[name](tmp_path) == NUMBERS


@pytest.mark.parametrize("name", TRACKERS.names())
def test_what_is_not_installed_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (name, f"{name}.summary"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingError, match=rf"pip install 'unmask\[{name}\]'"):
        TRACKERS.make(name).open("toy-0123", tmp_path, {})


@pytest.mark.parametrize("name", TRACKERS.names())
def test_it_has_a_summary(name: str) -> None:
    assert TRACKERS.make(name).name == name and TRACKERS.get(name).summary().endswith(".")
