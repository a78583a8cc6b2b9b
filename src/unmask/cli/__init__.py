"""The command line: one command a file; `main` turns an UnmaskError into one message and exit code
1."""

from __future__ import annotations

import sys
import traceback

from unmask.cli import terminal
from unmask.core.stopping import Stopped, restore


def main() -> None:
    """Entry point of `unmask`. Exit codes: 0 done, 1 a step failed or an error of use, 2 bad
    arguments, 3 the budget did not reach all steps, 128 and a signal's number (130 for Ctrl-C, 143
    for SIGTERM) stopped."""
    terminal.prepare_streams()
    terminal.listen()
    try:
        code = answer()
    except Stopped as stop:
        code = ended(stop)
    finally:
        terminal.release()
    sys.exit(code)


def answer() -> int | str | None:
    """Run the command; its exit code. Raises Stopped where a signal ended it."""
    from unmask.core.errors import UnmaskError, shortened

    try:
        try:
            from unmask.cli.app import app

            app()
        except BaseException as error:
            restore(error)
            raise
        finally:
            terminal.flush()
    except SystemExit as end:
        return end.code
    except UnmaskError as error:
        terminal.complain(str(error))
    except BrokenPipeError:
        pass  # whoever reads has seen enough
    except OSError as error:
        terminal.complain(
            shortened(f"{error.filename or 'a file or the output'}: {error.strerror or error}.")
        )
    except UnicodeError as error:
        terminal.complain(
            shortened(f"some text cannot be read or written here: {error}. Use a UTF-8 terminal.")
        )
    return 1


def ended(stop: Stopped) -> int:
    """Say that the command was stopped, and what is kept; its exit code."""
    terminal.complain(terminal.sentence(stop))
    # What was being read is closed now: when Python tears itself down, a generator that closes a
    # file cannot any more.
    traceback.clear_frames(stop.__traceback__)
    stop.__traceback__ = None
    return 128 + stop.number
