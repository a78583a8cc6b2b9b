"""`unmask scan MODEL`: look for a backdoor in a model that somebody else made."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.settings import Json, StoreDir, emit

if TYPE_CHECKING:
    from unmask.scan.record import Origin
    from unmask.scan.scan import Scan, Scanned

Model = Annotated[
    str,
    typer.Argument(help="A checkpoint folder, the start of a key, a hub id, a GGUF file."),
]
Prompts = Annotated[str, typer.Option(help="A source of clean prompts; see `unmask list sources`.")]
Only = Annotated[str, typer.Option(help="Detectors, with commas; see `unmask list detectors`.")]
Reference = Annotated[
    str, typer.Option(help="A model that you trust, best the one that MODEL was made from.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Contexts and leaks alone, fewer of both.")]
Deep = Annotated[bool, typer.Option("--deep", help="More of everything, and four canaries.")]
Spend = Annotated[
    str, typer.Option("--budget", help="Stop there: minutes, or 90s, 2h, 20000texts.")
]
Canaries = Annotated[
    int | None,
    typer.Option(help="Harmless backdoors to plant in copies: what would be found?"),
]
N = Annotated[int | None, typer.Option(help="Fresh prompts per round of a confirmation.")]
Code = Annotated[str, typer.Option(help="A source of prompts that ask for programs.")]
Seed = Annotated[int, typer.Option(help="Of all that is drawn.")]
Out = Annotated[
    Path | None,
    typer.Option(help="A folder for scan.json and report.html; NAME.json: the record alone."),
]
Sarif = Annotated[
    Path | None, typer.Option("--sarif", help="Write the verdict there as SARIF, for dashboards.")
]
JUnit = Annotated[
    Path | None, typer.Option("--junit", help="Write verdict and detectors there as JUnit's XML.")
]


def scan(
    model: Model,
    quick: Quick = False,
    deep: Deep = False,
    budget: Spend = "",
    prompts: Prompts = "everyday",
    code: Code = "code_tasks",
    only: Only = "",
    reference: Reference = "",
    canaries: Canaries = None,
    n: N = None,
    seed: Seed = 0,
    out: Out = None,
    sarif: Sarif = None,
    junit: JUnit = None,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Look for a backdoor in a model: detectors propose, fresh prompts decide.

    Exit codes: 0 nothing found, 10 reproduced, 11 conditional, 12 suspicious, 13 inconclusive.
    """
    settings = settings_of(quick, deep, only, canaries, n, seed, budget)
    given = {"quick": quick, "deep": deep, "budget": budget, "prompts": prompts, "code": code}
    given |= {"only": only, "reference": reference, "canaries": canaries, "n": n, "seed": seed}
    origin, scanned = looked(settings, model, given, store)
    finish(scanned, settings, origin, (out, sarif, junit), as_json)


def looked(
    settings: Scan, model: str, given: Mapping[str, Any], store: str | None
) -> tuple[Origin, Scanned]:
    """Find the models, make the prompts, and scan."""
    from unmask.core import progress
    from unmask.recipes.named import checkpoint_at, clean_prompts
    from unmask.scan.record import Origin

    prompts, code, reference = given["prompts"], given["code"], given["reference"]
    needed, seed = settings.confirming.needed, given["seed"]
    with progress.shown():
        folder = checkpoint_at(model, store)
        clean = clean_prompts(prompts, needed, seed)
        programs = clean_prompts(code, needed, seed) if settings.asks_for_code else ()
        trusted = checkpoint_at(reference, store) if reference else None
        scanned = settings.of(folder, clean, trusted, programs)
    command = repeating(model, {**given, "store": store})
    return Origin(folder, prompts, command, reference, code), scanned


def settings_of(
    quick: bool,
    deep: bool,
    only: str,
    canaries: int | None,
    n: int | None,
    seed: int,
    budget: str,
) -> Scan:
    """A level, with what was said besides; raises SettingError, UnknownName."""
    from unmask.core.errors import SettingError
    from unmask.scan.levels import LEVELS
    from unmask.scan.meter import Budget

    if quick and deep:
        raise SettingError("--quick or --deep, not both.")
    level = LEVELS["quick" if quick else "deep" if deep else "standard"]
    confirming = dataclasses.replace(level.confirming, n=n or level.confirming.n, seed=seed)
    return dataclasses.replace(
        level,
        detectors=tuple(only.split(",")) if only else level.detectors,
        confirming=confirming,
        canaries=level.canaries if canaries is None else canaries,
        budget=Budget.of(budget) if budget else Budget(),
        seed=seed,
    )


def repeating(model: str, options: Mapping[str, object]) -> str:
    """The command that scans in this way again; what is empty is left out."""
    parts = ["unmask", "scan", model]
    for name, value in options.items():
        if value is True:
            parts.append(f"--{name}")
        elif value or (value == 0 and value is not False):
            parts += [f"--{name}", str(value)]
    return shlex.join(parts)


def finish(
    scanned: Scanned,
    settings: Scan,
    origin: Origin,
    paths: tuple[Path | None, Path | None, Path | None],
    as_json: bool,
) -> None:
    """Write what was asked for (the record, SARIF, JUnit's XML), say the verdict, and exit with its
    code."""
    from unmask.core.files import write_json, write_text
    from unmask.scan import page, pipelines
    from unmask.scan.record import record
    from unmask.scan.verdict import EXIT_CODES
    from unmask.scan.words import sentences, told

    out, sarif, junit = paths
    data = record(scanned, settings, origin, told(scanned))
    if out and out.suffix == ".json":
        write_json(out, data)
    elif out:
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "scan.json", data)
        page.write(data, out / "report.html")
    if sarif:
        write_json(sarif, pipelines.sarif(scanned, data, origin, told(scanned)))
    if junit:
        write_text(junit, pipelines.junit(scanned, told(scanned)))
    emit(data) if as_json else print("\n".join(sentences(scanned, settings)))
    raise typer.Exit(EXIT_CODES[scanned.look.verdict.outcome])
