"""`unmask scan MODEL`: look for a backdoor in a model that somebody else made."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.settings import Json, StoreDir, emit

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


def scan(
    model: Model,
    prompts: Prompts = "everyday",
    only: Only = "",
    reference: Reference = "",
    canaries: Canaries = 0,
    n: N = 32,
    seed: Seed = 0,
    out: Out = None,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Look for a backdoor in a model: detectors propose, fresh prompts decide.

    Exit codes: 0 nothing found, 10 reproduced, 11 conditional, 12 suspicious, 13 inconclusive.
    """
    from unmask.core import progress
    from unmask.core.files import write_json
    from unmask.recipes.named import checkpoint_at, clean_prompts
    from unmask.scan.confirmation import Confirming
    from unmask.scan.scan import Scan, record
    from unmask.scan.verdict import EXIT_CODES
    from unmask.scan.words import sentences

    settings = Scan(confirming=Confirming(n=n, seed=seed), canaries=canaries, seed=seed)
    if only:
        settings = dataclasses.replace(settings, detectors=tuple(only.split(",")))
    with progress.shown():
        clean = clean_prompts(prompts, settings.confirming.needed, seed)
        trusted = checkpoint_at(reference, store) if reference else None
        scanned = settings.of(checkpoint_at(model, store), clean, trusted)
    if out:
        write_json(out, record(scanned))
    emit(record(scanned)) if as_json else print("\n".join(sentences(scanned, settings)))
    raise typer.Exit(EXIT_CODES[scanned.look.verdict.outcome])
