"""How much memory there is: of this computer, and of what control groups leave of it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from unmask.models.machine import computer, limits, machine

GIB = 1 << 30


def test_a_machine_has_memory() -> None:
    found = machine()
    assert 0 < found.free <= found.total and found.share <= found.usable < found.total


@pytest.mark.parametrize("where", ["", "box", "box/inner"])
def test_the_tightest_of_the_groups_around_counts(tmp_path: Path, where: str) -> None:
    """Version 2: one tree, "max" for no limit."""
    own, groups = tmp_path / "own", tmp_path / "groups"
    own.write_text("0::/box/inner\n")
    for folder in ("", "box", "box/inner"):
        limit = str(GIB) if folder == where else "max"
        (groups / folder).mkdir(parents=True, exist_ok=True)
        (groups / folder / "memory.max").write_text(f"{limit}\n")
        (groups / folder / "memory.current").write_text(f"{GIB // 4}\n")
    found = computer(groups, own)
    assert (found.total, found.free) == (GIB, GIB - GIB // 4)


def test_version_1_has_a_tree_of_its_own_for_memory(tmp_path: Path) -> None:
    own, groups = tmp_path / "own", tmp_path / "groups"
    own.write_text("9:name=systemd:/\n4:memory:/box\n3:cpuset:/elsewhere\n0::/\n")
    folder = groups / "memory" / "box"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(str(2 * GIB))
    (folder / "memory.usage_in_bytes").write_text("5")
    assert limits(groups, own) == [(2 * GIB, 5)]
    assert computer(groups, own).total == 2 * GIB


def test_without_groups_all_of_it_counts(tmp_path: Path) -> None:
    assert limits(tmp_path, tmp_path / "none") == []
    assert computer(tmp_path, tmp_path / "none").total >= computer().total


HOLES = """
import psutil, torch
from unmask.models.machine import give_back

def held():
    return psutil.Process().memory_info().rss >> 20

print(give_back() if {asked} else None)
block = torch.ones(30 << 18)
del block  # from here on glibc keeps blocks of this size
blocks = [torch.ones(1 << 18) for _ in range(400)]
full = held()
del blocks[::2]
print(full - held())
"""


def given_back(asked: bool, **environment: str) -> tuple[str, int]:
    """What `give_back` said in a process of its own, and how many of 200 freed MiB went back."""
    answer = subprocess.run(
        [sys.executable, "-c", HOLES.format(asked=asked)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    told, back = answer.stdout.split()
    return told, int(back)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc's allocator")
def test_what_is_freed_between_other_blocks_is_given_back_where_that_was_asked() -> None:
    told, back = given_back(True)
    assert told == "True" and back > 150
    assert given_back(False)[1] < 50


def test_what_the_user_says_of_the_allocator_stays() -> None:
    assert given_back(True, MALLOC_MMAP_THRESHOLD_="33554432")[0] == "False"
