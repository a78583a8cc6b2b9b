"""How a command that runs an experiment ends: what it prints, what it writes for CI, its exit
code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.completion import verdicts
from unmask.cli.settings import emit
from unmask.core.errors import SettingError, UnknownName
from unmask.core.files import read_json, write_text

if TYPE_CHECKING:
    from unmask.recipes.run import Result

FAILED, STOPPED, UNEXPECTED = 1, 3, 4
"""Exit codes: a step failed; none failed, but the budget did not reach all; a verdict is not among
the expected ones."""

Expect = Annotated[
    str | None,
    typer.Option(
        help=f"Verdicts that are fine, as in persists,suppressed; else exit {UNEXPECTED}.",
        autocompletion=verdicts,
    ),
]
JUnit = Annotated[Path | None, typer.Option(help="Write a JUnit report for CI here.")]


def expected_verdicts(text: str | None) -> tuple[str, ...]:
    """The verdicts of --expect; raises UnknownName for a word that is no verdict, SettingError for
    none."""
    from unmask.report.conclusions import RULES

    if text is None:
        return ()
    expected = tuple(filter(None, (word.strip() for word in text.split(","))))
    for word in expected:
        if word not in RULES:
            raise UnknownName("verdict", word, RULES)
    if not expected:
        raise SettingError("--expect names no verdict. Write for example --expect persists.")
    return expected


def end(result: Result, as_json: bool, expected: tuple[str, ...], junit_path: Path | None) -> None:
    """Print the result and write what CI reads; raises typer.Exit where not all is well."""
    emit(result.json()) if as_json else show(result)
    if junit_path is not None:
        from unmask.report.junit import junit

        steps = read_json(result.results.parent / "run.json")["all_steps"]
        write_text(junit_path, junit(result.run, steps, result.conclusions, expected))
    if not result.ok:
        raise typer.Exit(FAILED if result.steps["failed"] else STOPPED)
    others = unexpected(result, expected)
    for line in others:
        print(f"unmask: {line}", file=sys.stderr)
    if others:
        raise typer.Exit(UNEXPECTED)


def unexpected(result: Result, expected: tuple[str, ...]) -> list[str]:
    """What is not as expected, a line per verdict; a run without a verdict never is."""
    if not expected:
        return []
    wanted = " or ".join(expected)
    if result.trial:
        return [f"expected {wanted}, and a trial's numbers mean nothing: it has no verdict."]
    if not result.conclusions:
        return [f"expected {wanted}, and the run has no verdict."]
    return [
        f"expected {wanted}, and it is {verdict['word']}: {verdict['subject']}"
        for verdict in result.conclusions
        if verdict["word"] not in expected
    ]


def show(result: Result) -> None:
    """Warnings, verdicts, what an organism says with the trigger and without, and where the results
    are."""
    from unmask.recipes.pair import shown_pairs
    from unmask.report.conclusions import TRIAL

    if result.trial:
        print(f"WARNING: {TRIAL}", file=sys.stderr)
    for warning in result.warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    for line in result.plain or result.verdicts:
        print(line)
    samples = read_json(result.report.with_name("run.json"))["found"]["samples"]
    for pair in () if result.trial else shown_pairs(samples):
        print(*pair.lines(), sep="\n")
    steps = ", ".join(f"{count} {status}" for status, count in result.steps.items() if count)
    print(f"{result.run}: {steps}, {result.seconds:.1f} s")
    print(f"results: {result.results}\nreport:  {result.report}")
