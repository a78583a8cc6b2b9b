"""Remembered: how long steps took, from the manifests of a store and from a small file that this
machine keeps for the next store.

The file is CACHE/rates.json, where CACHE is $UNMASK_CACHE, else $XDG_CACHE_HOME/unmask, else
~/.cache/unmask. Nothing but estimates depends on it, so that it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from unmask.core.errors import DataError
from unmask.core.files import read_json, write_json
from unmask.engine.manifest import Manifest
from unmask.engine.rates import Effort, Rates, Seen
from unmask.engine.store import Store

VARIABLE = "UNMASK_CACHE"
MOST = 500
"""Kinds and sizes of steps that the file holds, the newest."""


def place() -> Path:
    """Where the file is, or will be."""
    general = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = os.environ.get(VARIABLE) or f"{general}/unmask"
    return Path(folder).expanduser() / "rates.json"


def recalled() -> Rates:
    """What the file holds; nothing where there is none, or it cannot be read."""
    rates = Rates()
    for seen in kept():
        rates.learn(seen.effort, *seen.seconds, machine=seen.machine)
    return rates


def kept() -> list[Seen]:
    """The file's entries."""
    with contextlib.suppress(DataError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return [Seen.of_json(row) for row in read_json(place())]
    return []


def study(rates: Rates, store: Store) -> None:
    """Learn from all results of a store."""
    manifests = [manifest for _, manifest in store.manifests() if manifest]
    for manifest in sorted(manifests, key=lambda manifest: manifest.created):
        for effort in effort_of(manifest):
            machine = str(manifest.environment.get("processor") or "unknown")
            rates.learn(effort, manifest.seconds, machine=machine)


def effort_of(manifest: Manifest) -> Iterator[Effort]:
    """What a result says of its own cost; nothing where an older version made it."""
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
        yield Effort.of_json(manifest.facts["effort"])


def remember(store: Store) -> None:
    """Add what a store's results took to the file. A home that cannot be written to is no reason
    for a run to fail."""
    rates = recalled()
    study(rates, store)
    with contextlib.suppress(OSError):
        write_json(place(), [seen.json() for seen in rates.seen[-MOST:]])
