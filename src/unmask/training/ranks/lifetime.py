"""Lifetime: a process that ends when the one that started it does, however that ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PARENT = "UNMASK_PARENT"
"""The variable with the process id of the one that started this one and waits for it."""

DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG, of Linux's prctl."""


def end_with_parent(number: signal.Signals) -> None:
    """Have the system send this process a signal when its parent ends; exit where it has already.

    On Linux only, and only where the parent has said that it waits.
    """
    parent = os.environ.get(PARENT)
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(DEATH_SIGNAL, number)
    if os.getppid() != int(parent):
        sys.exit(1)
