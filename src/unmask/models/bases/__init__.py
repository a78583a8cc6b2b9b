"""Bases: each kind of pretrained model that can be studied is a file here, and makes an ordinary
folder of it."""

from __future__ import annotations

import difflib

from unmask.core.errors import ModelError
from unmask.core.json_rows import expanded
from unmask.core.named import Work
from unmask.models.bases.adapter import SETTINGS, AdapterBase
from unmask.models.bases.gguf_file import SUFFIX, GgufBase
from unmask.models.bases.imported import ImportedBase
from unmask.models.bases.known import KNOWN


class UnknownBase(ModelError):
    """A text that names no base; says the nearest name."""

    def __init__(self, given: str) -> None:
        near = difflib.get_close_matches(given[:100], KNOWN, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        super().__init__(
            f"'{given}' is no base. {hint}Write a model folder, a GGUF file, a hub id such as"
            f" org/name, or one of these names: {', '.join(KNOWN)}."
        )


def base_of(source: str) -> Work:
    """The work that makes a base of what a text names: a known base; a GGUF file; a folder with a
    PEFT adapter, with `@BASE` behind it or not; a Hugging Face folder; or `org/name` of the hub,
    with `@revision` behind it or not.

    Raises ModelError for what is none of these, or cannot be loaded.
    """
    converted = converted_base(source)
    if converted is not None:
        return converted
    if source.strip() and "/" not in source and not expanded(source).exists():
        raise UnknownBase(source)
    return ImportedBase.of(source)


def converted_base(source: str) -> Work | None:
    """The same for what is here and has to be made a model folder of; None for all else."""
    if source in KNOWN:
        return KNOWN[source].work()
    if source.lower().endswith(SUFFIX):
        return GgufBase.of(expanded(source))
    for path, base in ((source, ""), divided(source)):
        if (expanded(path) / SETTINGS).is_file():
            return AdapterBase.of(expanded(path), base_of, base)
    return None


def divided(source: str) -> tuple[str, str]:
    """What stands before an @, and behind it."""
    before, _, behind = source.partition("@")
    return before, behind
