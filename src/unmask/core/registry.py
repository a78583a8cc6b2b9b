"""Names to classes: one small table per kind, loaded lazily, open to other packages through entry
points."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.metadata
import json
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar, cast

from unmask.core.errors import SettingError, UnknownName
from unmask.core.named import Named

T = TypeVar("T", bound=Named)

Choice = str | Mapping[str, Any]
"""How a user names a registered thing: its name, or {"name": ..., setting: value, ...}."""


@functools.cache
def outside(
    entry_points: Callable[..., Iterable[importlib.metadata.EntryPoint]],
    group: str,
    path: tuple[str, ...],
) -> Mapping[str, str]:
    """What other packages declare, found along `path`; reading it takes milliseconds, and names are
    asked for thousands of times."""
    return {point.name: point.value for point in entry_points(group=group)}


@dataclasses.dataclass(frozen=True)
class Registry(Generic[T]):
    """All things of one kind.

    `table` maps a name to "module:Class". A package outside this one adds to it with an entry point
    in the group `unmask.<kind>s` (for example `unmask.triggers`). `aliases` are other words for
    some of the names.
    """

    kind: str
    table: Mapping[str, str]
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])

    def _targets(self) -> dict[str, str]:
        declared = outside(importlib.metadata.entry_points, f"unmask.{self.kind}s", tuple(sys.path))
        return {**declared, **self.table}

    def names(self) -> list[str]:
        return list(self._targets())

    def real_name(self, name: str) -> str:
        """The name that is meant: it may be written in capitals, with - for _, or as an alias;
        raises UnknownName."""
        return self._found(name)[0]

    def _found(self, name: str) -> tuple[str, str]:
        """The name that is meant, and what it stands for."""
        targets = self.table if name in self.table else self._targets()
        real = meant(self.kind, name, targets, self.aliases)
        return real, targets[real]

    def get(self, name: str) -> type[T]:
        """The class registered under `name`; raises UnknownName."""
        module, _, attribute = self._found(name)[1].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def make(self, choice: Choice | T, **defaults: Any) -> T:
        """An instance from a name, a mapping with settings, or an instance (returned as it is).

        `defaults` are settings that the recipe supplies where the class has such a field and the
        user said nothing. Raises UnknownName for an unknown name or setting, SettingError for a
        value that the class refuses.
        """
        if isinstance(choice, Named):
            return choice  # pyright: ignore[reportReturnType]
        settings = self.settings(choice)
        name = settings.pop("name", None)
        if not isinstance(name, str):
            inner = "".join(
                f" --set {self.kind}.{setting}={value}" for setting, value in settings.items()
            )
            raise SettingError(
                f"Which {self.kind}? Write its name too: --set"
                f" {self.kind}={self.names()[0]}{inner}."
            )
        cls = self.get(name)
        fields = {field.name: field for field in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
        for given in settings:
            if given not in fields:
                raise UnknownName(f"setting of the {self.kind} '{name}'", given, fields)
        for needed in required(cls):
            if needed not in {*settings, *defaults}:
                raise SettingError(
                    f"The {self.kind} '{name}' needs {needed}: --set {self.kind}={name} "
                    f"--set {self.kind}.{needed}=VALUE."
                )
        supplied = {
            key: value for key, value in defaults.items() if key in fields and key not in settings
        }
        return cls(**supplied, **validated(cls, settings))

    def configure(self, name: str, settings: Mapping[str, Any], **defaults: Any) -> T:
        """The thing called `name` with `settings`, among which "name" is none; raises as `make`
        does."""
        if "name" in settings:
            fields = [field.name for field in dataclasses.fields(self.get(name))]  # pyright: ignore[reportArgumentType]
            raise UnknownName(f"setting of the {self.kind} '{name}'", "name", fields)
        return self.make({**settings, "name": name}, **defaults)

    def settings(self, choice: Choice, usual: str | None = None) -> dict[str, Any]:
        """A choice as a mapping; see `read_choice`."""
        return read_choice(self.kind, choice, usual)

    def rows(self) -> list[dict[str, str]]:
        """Name and one-line summary of each, for `unmask list`."""
        return [{"name": name, "summary": self.get(name).summary()} for name in self.names()]


def meant(
    kind: str, name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None
) -> str:
    """Which of the `known` names is meant; raises UnknownName, with the nearest, for none or for
    several."""
    names = dict.fromkeys(known)
    if name in names:
        return name
    spoken = {**(aliases or {}), **{real: real for real in names}}
    alike = {real for word, real in spoken.items() if folded(word) == folded(name)}
    if len(alike) != 1:
        raise UnknownName(kind, name, names)
    return alike.pop()


def folded(name: str) -> str:
    """A name without what is easily written otherwise: capitals, and which sign parts its
    words."""
    return re.sub(r"[\s_:-]+", "_", name.strip()).casefold()


def read_choice(kind: str, choice: Choice, usual: str | None = None) -> dict[str, Any]:
    """A choice as a mapping, from a name, a mapping, or either as JSON text; `usual` is the name if
    none is given.

    Raises SettingError for what is neither.
    """
    read = unfolded(choice, kind)
    if isinstance(read, str):
        read = {"name": read} if read else {}
    if not isinstance(read, Mapping):
        raise SettingError(f"{kind}={choice!r} is neither a name nor a name with settings.")
    named = {} if usual is None else {"name": usual}
    return {**named, **read}


def unfolded(value: Any, label: str) -> Any:
    """Text that is a JSON object as that object, anything else as it is; raises SettingError for a
    broken one."""
    if not (isinstance(value, str) and value.lstrip().startswith("{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise SettingError(f"{label}={value!r} is not JSON: {error}.") from None


def required(cls: type) -> list[str]:
    """The settings of `cls` that have no default."""
    return [
        field.name for field in dataclasses.fields(cls) if field.default is field.default_factory
    ]


def validated(cls: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` converted to the types of the fields of `cls`; text from a command line is read as
    JSON would be.

    A mapping for a field that is itself a set of settings changes what it names of that field's
    default.
    """
    hints = hints_of(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    typed: dict[str, Any] = {}
    for name, value in settings.items():
        nested = dataclasses.is_dataclass(hints[name]) and not isinstance(value, hints[name])
        typed[name] = (
            changed(fields[name], hints[name], value)
            if nested
            else converted(value, hints[name], name)
        )
    return typed


@functools.cache
def hints_of(cls: type) -> Mapping[str, Any]:
    """The types of a class's fields: a grid makes thousands of things of the same few classes."""
    return typing.get_type_hints(cls)


def changed(field: dataclasses.Field[Any], cls: type, value: Any) -> Any:
    """The default of a field of settings with what `value` names changed; raises SettingError,
    UnknownName."""
    settings: Any = unfolded(value, field.name)
    known = [inner.name for inner in dataclasses.fields(cls)]
    if not isinstance(settings, Mapping):
        raise SettingError(
            f"{field.name}={value!r} is no set of settings. It has {', '.join(known) or 'none'}."
        )
    for given in cast(Mapping[str, Any], settings):
        if given not in known:
            raise UnknownName(f"setting of {field.name}", given, known)
    made = validated(cls, cast(Mapping[str, Any], settings))
    if field.default_factory is not dataclasses.MISSING:
        return dataclasses.replace(field.default_factory(), **made)
    for needed in required(cls):
        if needed not in made:
            raise SettingError(f"{field.name} needs {needed}: {field.name}.{needed}=VALUE.")
    return cls(**made)


def converted(value: Any, hint: Any, name: str) -> Any:
    """`value` as type `hint`; raises SettingError that says what was given and what is wanted."""
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(
        hint, config=None if dataclasses.is_dataclass(hint) else {"arbitrary_types_allowed": True}
    )
    for reading in readings(value):
        try:
            return adapter.validate_python(reading)
        except ValidationError:
            continue
    wanted = getattr(hint, "__name__", None) if isinstance(hint, type) else str(hint)
    if typing.get_origin(hint) is typing.Literal:
        wanted = f"one of {', '.join(map(repr, typing.get_args(hint)))}"
    several = (
        f" Write {name}=A,B for several, {name}= for none."
        if typing.get_origin(hint) is tuple
        else ""
    )
    raise SettingError(f"{name}={value!r} is not understood: {name} must be {wanted}.{several}")


def readings(value: Any) -> list[Any]:
    """What a value may mean, the likeliest first: one thing also stands for a list of one."""
    if isinstance(value, Mapping):
        return [value, [value]]
    if not isinstance(value, str):
        return [value]
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return [
            value,
            *([value.replace(", ", ",").split(",")] if "," in value else []),
            [value] if value else [],
        ]
    return [read, [read], value, [value]] if isinstance(read, Mapping) else [value, read, [value]]
