"""Progress bars on standard error, for everything that takes longer than two seconds; silent in a pipe or a test.

Science code writes `with progress.bar("sampling", total=n) as advance: ... advance(k)`. Nothing is drawn unless
somebody opened a `progress.shown()` around it and standard error is a terminal; in a log, a line every EVERY seconds
says how far it is.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

_display: Any = None  # the one rich.progress.Progress of the process, while shown() is open
_log = False
EVERY = 20.0
"""Seconds between two lines of one bar in a log."""


@contextlib.contextmanager
def shown(enabled: bool = True) -> Generator[None]:
    """Show the bars of all that runs inside."""
    global _display, _log
    if not enabled or _display is not None or _log:
        yield
        return
    if not sys.stderr.isatty():
        _log = True
        try:
            yield
        finally:
            _log = False
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.SpinnerColumn(),
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True), transient=True) as display:
        _display = display
        try:
            yield
        finally:
            _display = None


def say(text: str, log_only: bool = False) -> None:
    """One line above the bars; with `log_only`, only where there are no bars that say it better."""
    if _display is not None and not log_only:
        _display.console.print(text, highlight=False, markup=False)
    elif _log:
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def bar(label: str, total: int) -> Generator[Callable[[int], None]]:
    """A bar over `total` units; call what is yielded with the number just done."""
    display = _display
    if display is None:
        yield _logged(label, total)
        return
    task = display.add_task(label, total=total)
    try:
        yield lambda done: display.advance(task, done)
    finally:
        display.remove_task(task)


def _logged(label: str, total: int) -> Callable[[int], None]:
    """Counts, and says how far it is every EVERY seconds."""
    done, start = 0, time.monotonic()
    last = start

    def advance(more: int) -> None:
        nonlocal done, last
        done, now = done + more, time.monotonic()
        if now - last > EVERY:
            last = now
            left = (now - start) / done * (total - done)
            say(f"  {label}: {done:,} of {total:,}, about {left:.0f} s to go")

    return advance
