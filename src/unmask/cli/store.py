"""`unmask store verify|gc|ls`: look after finished steps."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.settings import Json, StoreDir, emit

if TYPE_CHECKING:
    from unmask.engine.manifest import Manifest

app = typer.Typer(
    help="Look after the store of finished steps.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def ls(store: StoreDir = None, as_json: Json = False) -> None:
    """List finished steps."""
    from unmask.engine.store import Store

    rows = [described(folder, manifest) for folder, manifest in Store.at(store).manifests()]
    if as_json:
        emit(rows)
        return
    for row in rows:
        if row["key"]:
            print(
                f"{row['folder']:45} {row['bytes'] / 2**20:>9.1f} MiB {row['seconds']:>8.1f} s "
                f" {row['created']}"
            )
        else:
            print(f"{row['folder']:45} damaged: no manifest that can be read")
    print(f"{len(rows)} steps, {sum(row['bytes'] or 0 for row in rows) / 2**20:.1f} MiB")


def described(folder: Path, manifest: Manifest | None) -> dict[str, Any]:
    """A step's line; nothing but its folder is known of one without a manifest that can be read."""
    if manifest is None:
        return {
            "folder": folder.name,
            **dict.fromkeys(("key", "name", "bytes", "seconds", "created")),
        }
    return {
        "folder": folder.name,
        "key": manifest.key,
        "name": manifest.name,
        "bytes": sum(entry["size"] for entry in manifest.files.values()),
        "seconds": manifest.seconds,
        "created": manifest.created,
    }


@app.command()
def verify(store: StoreDir = None, as_json: Json = False) -> None:
    """Digest every file of every step; exit 1 if any is damaged."""
    from unmask.core import progress
    from unmask.core.errors import StoreError
    from unmask.engine.store import Store, inspect_folder

    home = Store.at(store)
    if not (home.root / "steps").is_dir():
        raise StoreError(f"{home.root} is no store: there is nothing to verify.")
    folders = [folder for folder, _ in home.manifests()]
    damaged: dict[str, str] = {}
    with progress.shown(), progress.bar("verifying", len(folders)) as advance:
        for folder in folders:
            flaw, _ = inspect_folder(folder, every=True)
            if flaw:
                damaged[folder.name] = flaw
            advance(1)
    if as_json:
        emit({"steps": len(folders), "damaged": damaged})
    else:
        for name, flaw in damaged.items():
            print(f"damaged: {name}: {flaw}")
        print(
            f"{len(folders)} steps, {len(damaged)} damaged; a damaged step is made again by the"
            " next run that needs it"
        )
    if damaged:
        raise typer.Exit(1)


@app.command()
def gc(
    store: StoreDir = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove steps that no run, finished or not, uses, and what killed processes left behind."""
    from unmask.engine.store import Store
    from unmask.recipes.finished import used_keys

    home = Store.at(store)
    used = used_keys(home)
    unused = [
        folder
        for folder, manifest in home.manifests()
        if manifest is None or manifest.key not in used
    ]
    left = home.abandoned()
    if not dry_run:
        for folder in unused:
            home.discard(folder)
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
    names = [folder.name for folder in unused]
    if as_json:
        emit({"removed": names, "scratch": [folder.name for folder in left], "dry_run": dry_run})
        return
    for name in names:
        print(f"{'would remove' if dry_run else 'removed'} {name}")
    print(f"{len(names)} unused steps, {len(left)} abandoned scratch folders")
