"""`unmask scan MODEL`: look for a backdoor in a model that somebody else made."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
Canaries = Annotated[
    int, typer.Option(help="Harmless backdoors to plant in copies: what would be found?")
]
N = Annotated[int, typer.Option(help="Fresh prompts per round of a confirmation.")]
Seed = Annotated[int, typer.Option(help="Of all that is drawn.")]
Out = Annotated[Path | None, typer.Option(help="Write the record there, as JSON.")]
Sarif = Annotated[
    Path | None, typer.Option("--sarif", help="Write the verdict there as SARIF, for dashboards.")
]
JUnit = Annotated[
    Path | None, typer.Option("--junit", help="Write verdict and detectors there as JUnit's XML.")
]


def scan(
    model: Model,
    prompts: Prompts = "everyday",
    only: Only = "",
    reference: Reference = "",
    canaries: Canaries = 0,
    n: N = 32,
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
    from unmask.core import progress
    from unmask.recipes.named import checkpoint_at, clean_prompts
    from unmask.scan.record import Origin

    settings = settings_of(only, canaries, n, seed)
    with progress.shown():
        folder = checkpoint_at(model, store)
        clean = clean_prompts(prompts, settings.confirming.needed, seed)
        trusted = checkpoint_at(reference, store) if reference else None
        scanned = settings.of(folder, clean, trusted)
    options = {"prompts": prompts, "only": only, "reference": reference, "canaries": canaries}
    command = repeating(model, {**options, "n": n, "seed": seed, "store": store})
    origin = Origin(folder, prompts, command, reference)
    finish(scanned, settings, origin, (out, sarif, junit), as_json)


def settings_of(only: str, canaries: int, n: int, seed: int) -> Scan:
    from unmask.scan.confirmation import Confirming
    from unmask.scan.scan import Scan

    settings = Scan(confirming=Confirming(n=n, seed=seed), canaries=canaries, seed=seed)
    return dataclasses.replace(settings, detectors=tuple(only.split(","))) if only else settings


def repeating(model: str, options: Mapping[str, object]) -> str:
    """The command that scans in this way again; what is empty is left out."""
    parts = ["unmask", "scan", model]
    for name, value in options.items():
        if value or name == "seed":
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
    from unmask.scan import pipelines
    from unmask.scan.record import record
    from unmask.scan.verdict import EXIT_CODES
    from unmask.scan.words import sentences, told

    out, sarif, junit = paths
    data = record(scanned, settings, origin)
    if out:
        write_json(out, data)
    if sarif:
        write_json(sarif, pipelines.sarif(scanned, data, origin, told(scanned)))
    if junit:
        write_text(junit, pipelines.junit(scanned, told(scanned)))
    emit(data) if as_json else print("\n".join(sentences(scanned, settings)))
    raise typer.Exit(EXIT_CODES[scanned.look.verdict.outcome])
