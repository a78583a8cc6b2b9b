"""`unmask calibrate [PAIRS]`: how often the code scanners are right, per weakness class."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.settings import Json, emit


def calibrate(
    pairs: Annotated[
        Path | None,
        typer.Argument(
            help="JSON lines with cwe, vulnerable, fixed (default: the project's own snippets)."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the code scanners: recall on vulnerable code, false alarms on fixed code."""
    from unmask.data.sources.code_tasks.tasks import CodeTasks
    from unmask.organisms.behaviors.code import calibration

    known = calibration.read_pairs(pairs) if pairs else calibration.pairs_of(CodeTasks().examples())
    rows = calibration.calibrate(known)
    if as_json:
        emit([dataclasses.asdict(row) for row in rows])
    else:
        print(calibration.table(rows))
