"""The command line: one command a file; `main` turns an UnmaskError into one message and exit code 1."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of `unmask`. Exit codes: 0 done, 1 a step failed or an error of use, 2 bad arguments, 130 stopped."""
    from unmask.cli.app import app
    from unmask.core.errors import UnmaskError

    try:
        app()
    except UnmaskError as error:
        print(f"unmask: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("unmask: stopped; finished steps are kept, run the same command to go on.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        print(f"unmask: {error.filename or 'a file'}: {error.strerror or error}.", file=sys.stderr)
        sys.exit(1)
