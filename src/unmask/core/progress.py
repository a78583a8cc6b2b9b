"""Progress bars on standard error, for everything that takes longer than two seconds; silent in a
pipe or a test.

Science code writes `with progress.bar("sampling", total=n) as advance: ... advance(k)`; where units
differ in cost, with `work=` the sum of their costs and `advance(k, cost)`, so that the time to go
follows the costs; `advance(k, cost, left)` says itself how many seconds are left. Nothing is drawn
unless somebody opened a `progress.shown()` around it and standard error is a terminal; in a log, a
line every EVERY seconds says how far it is.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

from unmask.core.duration import spoken

Advance = Callable[..., None]
"""`advance(units, cost, left)`: so many more are done; the cost counts where the bar has `work`,
and `left` is how many seconds are left, where that is known better than by what is done."""

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
    if not sys.stderr.isatty() or os.environ.get("TERM") in ("dumb", "unknown"):
        _log = True
        try:
            yield
        finally:
            _log = False
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    columns = _columns(console.encoding.startswith("utf"))
    with Progress(*columns, console=console, transient=True) as display:
        _display = display
        try:
            yield
        finally:
            _display = None


def _columns(unicode: bool) -> list[Any]:
    """Of a bar: what, how far, how long so far, and how long still."""
    from rich import progress as rich_progress
    from rich.text import Text

    class Left(rich_progress.TimeRemainingColumn):
        """As somebody said it, less what has passed since; else by what is done."""

        def render(self, task: rich_progress.Task) -> Text:
            left, since = task.fields["left"]
            if left is None:
                return super().render(task)
            return Text(spoken(max(0.0, left - (time.monotonic() - since))), "progress.remaining")

    return [
        rich_progress.SpinnerColumn("dots" if unicode else "line"),
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.TextColumn("{task.fields[count]}"),
        rich_progress.TimeElapsedColumn(),
        Left(),
    ]


def say(text: str, log_only: bool = False) -> None:
    """One line above the bars; with `log_only`, only where there are no bars that say it better."""
    if _display is not None and not log_only:
        _display.console.print(text, highlight=False, markup=False)
    elif _log:
        # Whoever read the log may have gone: no reason for the work to fail.
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def bar(label: str, total: int, work: float = 0.0) -> Generator[Advance]:
    """A bar over `total` units; call what is yielded with the number just done, and what they cost
    of `work`."""
    display = _display
    if display is None:
        yield _logged(label, total, work)
        return
    count, unsaid = f"0/{total:,}", (None, 0.0)
    task, done = display.add_task(label, total=work or total, count=count, left=unsaid), 0

    def advance(more: int, cost: float = 0.0, left: float | None = None) -> None:
        nonlocal done
        done += more
        display.update(
            task,
            advance=cost if work else more,
            count=f"{done:,}/{total:,}",
            left=(left, time.monotonic()),
        )

    try:
        yield advance
    finally:
        display.remove_task(task)


def _logged(label: str, total: int, work: float) -> Advance:
    """Counts, and says how far it is every EVERY seconds."""
    done, spent, start = 0, 0.0, time.monotonic()
    last = start

    def advance(more: int, cost: float = 0.0, left: float | None = None) -> None:
        nonlocal done, spent, last
        done, spent, now = done + more, spent + (cost if work else more), time.monotonic()
        if now - last > EVERY and spent:
            last = now
            if left is None:
                left = (now - start) / spent * ((work or total) - spent)
            say(f"  {label}: {done:,} of {total:,}, about {spoken(left)} to go")

    return advance
