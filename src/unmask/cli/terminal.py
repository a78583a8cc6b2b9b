"""Between a command and whoever started it: streams that take any text, signals that stop it,
messages that arrive."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
import sys
from types import FrameType

from unmask.core import stopping
from unmask.core.stopping import Stopped

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GO_ON = "Run the same command to go on."


def sentence(stopped: Stopped) -> str:
    """What is kept, where somebody noted it on the way out, and how to go on."""
    return " ".join(["stopped.", *getattr(stopped, "__notes__", ()), GO_ON])


def listen() -> None:
    """From now on signals raise Stopped; those that the caller has us ignore (nohup) stay
    ignored."""
    for number in STOPS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


def release() -> None:
    """The command is over: signals end the process at once again."""
    for number in STOPS:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)


def _stop(number: int, _: FrameType | None) -> None:
    if stopping.received() is None:
        stopping.stop(number)
    for child in multiprocessing.active_children():
        child.kill()
    with contextlib.suppress(OSError):
        os.write(2, f"unmask: stopped at once. {GO_ON}\n".encode())
    os._exit(128 + number)


def prepare_streams() -> None:
    """Streams that exist, and that write what their encoding lacks as an escape (\\u2013)."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Takes the lowest free number, which is this one: otherwise the next file of the store
            # would have it, and whatever a library prints would be written there.
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def complain(text: str) -> None:
    """One message on standard error, if anybody still listens there."""
    with contextlib.suppress(OSError):
        print(f"unmask: {text}", file=sys.stderr, flush=True)


def flush() -> None:
    """Send what was printed now, where an error can still be told; raises OSError."""
    try:
        sys.stdout.flush()
    except OSError:
        # Python would try again on its way out, and complain in its own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
