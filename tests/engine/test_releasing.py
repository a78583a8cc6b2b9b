"""Releasing: what a finished step no longer needs goes back to the computer."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

HOLES = """
import psutil, torch
from unmask.engine.releasing import release

def held():
    return psutil.Process().memory_info().rss >> 20

block = torch.ones(30 << 18)
del block  # from here on glibc keeps blocks of this size
blocks = [torch.ones(1 << 18) for _ in range(400)]
full = held()
del blocks[::2]
kept = held()
told = release(above=ABOVE)
print(full - kept, told, kept - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc's allocator")
@pytest.mark.parametrize(("above", "goes"), [("1 << 20", True), ("1 << 40", False)])
def test_what_is_free_between_other_blocks_goes_back_where_much_is_held(
    above: str, goes: bool
) -> None:
    script = HOLES.replace("ABOVE", above)
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    before, told, back = answer.stdout.split()
    assert int(before) < 50, "glibc gave it back by itself: there is nothing to test"
    assert told == str(goes) and (int(back) > 150) == goes
