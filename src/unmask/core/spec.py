"""Identity: what a thing *is*, as canonical JSON, and the SHA-256 of that."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from unmask.core.errors import SettingError
from unmask.core.named import Named

RUN_ONLY = {"run_only": True}
"""`field(metadata=RUN_ONLY)` marks a setting that changes how the work is done but not what comes
out of it."""

LATER = {"later": True}
"""`field(metadata=LATER)` marks a setting that a class was given after results of it were stored:
with its default it is no part of the identity, so that these results stay what they are."""


def later(counting: tuple[str, ...]) -> dict[str, Any]:
    """LATER, for a field that is itself a set of settings, of whose run-only ones those in
    `counting` change what comes out of this class: where they are not the default, they count."""
    return {**LATER, "counting": counting}


def spec(thing: Any, where: str = "settings", counting: tuple[str, ...] = ()) -> Any:
    """`thing` as plain JSON values; run-only settings in `counting` with them.

    A Named dataclass becomes {"name", "version", "settings"}. Raises SettingError for whatever has
    no exact, stable JSON form (sets, functions, NaN, arbitrary objects): an identity is never
    guessed.
    """
    if thing is None or isinstance(thing, str | bool | int):
        return thing
    if isinstance(thing, float):
        if not math.isfinite(thing):
            raise SettingError(f"{where} is {thing}: a setting must be a finite number.")
        return thing
    if isinstance(thing, list | tuple):
        return [spec(item, f"{where}[{i}]") for i, item in enumerate(cast(Sequence[Any], thing))]
    if isinstance(thing, Mapping):
        items = cast(Mapping[Any, Any], thing).items()
        if not all(isinstance(name, str) for name, _ in items):
            raise SettingError(
                f"{where} has a key that is not text: a mapping among settings must have text keys."
            )
        return {name: spec(value, f"{where}.{name}") for name, value in items}
    if isinstance(thing, Named) and dataclasses.is_dataclass(thing):
        settings = {
            field.name: spec(getattr(thing, field.name), f"{where}.{field.name}", within(field))
            for field in dataclasses.fields(thing)
            if counts(field, thing, counting)
        }
        return {"name": thing.name, "version": thing.version, "settings": settings}
    raise SettingError(
        f"{where} is a {type(thing).__name__}, which has no exact form as JSON. "
        "Use text, numbers, booleans, lists, mappings with text keys, or a registered thing."
    )


def counts(field: dataclasses.Field[Any], thing: Any, counting: tuple[str, ...] = ()) -> bool:
    """Whether a field of `thing` is part of its identity; run-only ones in `counting` are."""
    given = getattr(thing, field.name)
    if field.metadata.get("run_only"):
        return field.name in counting and given != field.default
    if not field.metadata.get("later"):
        return True
    # By identity, not by equality: what differs in a run-only setting is the same thing.
    usual = spec(field.default, field.name, within(field))
    return given != field.default and spec(given, field.name, within(field)) != usual


def within(field: dataclasses.Field[Any]) -> tuple[str, ...]:
    """The run-only settings of a field's own value that count."""
    return field.metadata.get("counting", ())


def canonical(value: Any) -> str:
    """The one JSON text of a JSON value: sorted keys, no spaces, no escapes beyond need, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of a JSON value."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()
