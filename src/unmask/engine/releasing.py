"""Releasing: between two steps, memory that a process holds and does not use goes back.

glibc keeps what is freed for later. A worker that has trained a large model would hold its whole
peak (15 GB for a preference model of 135M parameters) while it counts replies, and no other worker
could train.
"""

from __future__ import annotations

import ctypes
import gc

import psutil

from unmask.core.memory import GIB


def release(above: int = GIB) -> bool:
    """Give back what is free, if the process holds more than `above` bytes; whether it was asked
    for. Other C libraries than glibc see to it by themselves."""
    if psutil.Process().memory_info().rss <= above:
        return False
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, TypeError):  # another C library; or Windows, which has no such thing
        return False
    return True
