"""The page of a finished run, made from what its folder holds; one that would come out the same is
kept."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.core.files import file_digest, read_json, read_jsonl
from unmask.core.league import LEAGUE, read_league
from unmask.core.row import read_rows
from unmask.core.spec import digest
from unmask.recipes.record import verdict_of

if TYPE_CHECKING:
    from unmask.report.html import Report

RESULTS = "results.jsonl"
LOGS = "training.jsonl"
ATTACKS = "attacks.jsonl"
"""Beside results.jsonl: of each red team's campaign, the attempts that the report lists."""

CODE = (".py", ".html", ".css", ".js")
HEAD = 4096
"""Characters of a page among which it says what it was made from."""


def refresh_page(folder: Path, out: Path) -> None:
    """Write the page of a finished run, unless `out` is already the page of the same numbers, made
    by the same code: over thousands of rows it takes longer than all else that a run with nothing
    left to do does.

    Raises DataError for a malformed row.
    """
    if made_of(out) != ingredients(folder):
        write_page(folder, out)


def write_page(folder: Path, out: Path) -> None:
    """Write the page of a finished run; raises DataError for a malformed row."""
    report(folder).write(out)


def made_of(page: Path) -> str:
    """What a page says that it was made from; "" where there is no page, or it does not say."""
    if not page.exists():
        return ""
    with open(page, encoding="utf-8", errors="replace") as file:
        named = re.search(r'<meta name="made-from" content="([0-9a-f]{64})">', file.read(HEAD))
    return named[1] if named else ""


def ingredients(folder: Path) -> str:
    """A digest of all that the page stands on. When the run was repeated, and which steps it then
    found done, is no part of it."""
    record = read_json(folder / "run.json")
    steps = [without(step, "status") for step in record["all_steps"]]
    tables = [folder / name for name in (RESULTS, LOGS, ATTACKS, LEAGUE)]
    return digest(
        {
            "record": without(record, "seconds", "finished", "steps", "all_steps"),
            "steps": steps,
            "tables": {path.name: file_digest(path) for path in tables if path.exists()},
            "code": {str(path): file_digest(path) for path in code()},
        }
    )


def without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def code() -> Iterator[Path]:
    """The files of this package, and of every other one that adds to it: titles and chapters are
    theirs."""
    points = importlib.metadata.entry_points()
    groups = [group for group in points.groups if group.startswith("unmask.")]
    packages = {"unmask"}
    for group in groups:
        packages |= {point.module.partition(".")[0] for point in points.select(group=group)}
    for package in sorted(packages):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations if spec else None) or ():
            files = (path for path in Path(folder).rglob("*") if path.suffix in CODE)
            yield from sorted(files)
        if spec and spec.origin and not spec.submodule_search_locations:
            yield Path(spec.origin)


def report(folder: Path) -> Report:
    """The run as a Report."""
    from unmask.report.html import Report

    record = read_json(folder / "run.json")
    return Report(
        title=record["title"],
        run=record["run"],
        question=record["question"],
        made_from=ingredients(folder),
        verdicts=tuple(map(verdict_of, record["found"]["verdicts"])),
        warnings=tuple(record["warnings"]),
        trial=record.get("trial", False),
        tested=record.get("tested", {}),
        rows=list(read_rows(folder / RESULTS)),
        samples=record["found"]["samples"],
        logs=[log for _, log in read_jsonl(folder / LOGS)] if (folder / LOGS).exists() else (),
        attacks=(
            [attack for _, attack in read_jsonl(folder / ATTACKS)]
            if (folder / ATTACKS).exists()
            else ()
        ),
        league=read_league(folder / LEAGUE) if (folder / LEAGUE).exists() else None,
        steps=record["all_steps"],
        provenance={
            "recipe": record["recipe"],
            "settings": record["settings"],
            "resolved": record.get("resolved", {}),
            "seconds": sum(step["seconds"] or 0 for step in record["all_steps"]),
            "finished": record["finished"],
            **record["environment"],
        },
    )
