"""The signal that has asked this process to end, remembered: a library may swallow what is raised,
or change it."""

from __future__ import annotations

import signal

_received: list[Stopped] = []


class Stopped(BaseException):
    """A signal asked this process to end. Not an Exception, so that no step takes it for a failure
    of its own."""

    def __init__(self, number: int):
        self.number = number
        super().__init__(signal.Signals(number).name)


def received() -> Stopped | None:
    """The first signal, as it was raised."""
    return _received[0] if _received else None


def stop(number: int) -> None:
    """Remember a signal and raise Stopped."""
    _received.append(Stopped(number))
    check()


def check() -> None:
    """Raise Stopped if a signal has asked for the end."""
    if _received:
        raise _received[0]


def restore(error: BaseException) -> None:
    """Raise Stopped, with what was noted on the way out, in place of an error that a library has
    made of a signal; nothing where no signal came, or the error is that Stopped."""
    stop = received()
    if stop is None or error is stop:
        return
    for note in getattr(error, "__notes__", ()):
        stop.add_note(note)
    raise stop from None
