"""How much memory there is: of this computer, and of what control groups leave of it."""

from __future__ import annotations

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
