"""Threads that wait sleep, so that work beside other work is not many times slower; the user's own
word stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PRINT = (
    "import os, sys, unmask; assert 'torch' not in sys.modules;"
    " print(os.environ.get('GOMP_SPINCOUNT'))"
)
IN_A_WORKER = """
import multiprocessing, os, unmask
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(os.getenv, ("GOMP_SPINCOUNT",)))
"""


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "5"}, "5"),
        ({"OMP_WAIT_POLICY": "active"}, "None"),
    ],
    ids=["nothing said", "a count of the user's", "a policy of the user's"],
)
def test_importing_unmask_shortens_how_long_threads_spin(said: dict[str, str], stands: str) -> None:
    assert answer(PRINT, said) == stands


def test_processes_inherit_it() -> None:
    assert answer(IN_A_WORKER, {}) == "1000"


def answer(code: str, said: dict[str, str]) -> str:
    """What a fresh Python prints that was told nothing about waiting but `said`."""
    bare = {
        name: value
        for name, value in os.environ.items()
        if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**bare, **said}, capture_output=True, text=True, check=True)
    return done.stdout.strip()
