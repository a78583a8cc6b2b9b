"""Condition: what a number was measured on, as a value. Equal conditions are the same condition.

A model under study is the base, an organism, its twin or a preference model; a defense may have
trained it for some steps. Nothing here is a sentence, and no name is built to be taken apart again:
`report.words` puts values into words.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

from unmask.core.named import Named
from unmask.core.registry import readings
from unmask.core.spec import counts, spec, within

Role = Literal["base", "organism", "twin", "preference_model"]
"""What a model is in a study: what all others were made from; the one with the backdoor; its
control, planted the same way without one; and what scores replies."""

Settings = tuple[tuple[str, Any], ...]
"""Names and values of settings, in the order of their names, as files hold them; hashable all the
way down."""


@dataclasses.dataclass(frozen=True)
class Configured:
    """A registered thing by its name, with the settings that tell it from others of the name."""

    name: str
    settings: Settings = ()

    @staticmethod
    def of(thing: Named, counting: tuple[str, ...] = ()) -> Configured:
        """With the settings that are not the default; those that only say how work is done do not
        tell it apart, but for those in `counting`."""
        return Configured(thing.name, chosen_settings(thing, counting))

    def __str__(self) -> str:
        """The name, with the settings that were said: "sft (learning_rate=0.001)"."""
        return f"{self.name} ({shown(self.settings)})" if self.settings else self.name

    def setting(self, name: str, default: Any = None) -> Any:
        return dict(self.settings).get(name, default)

    def without(self, *names: str) -> Configured:
        """The same but for these settings."""
        kept = tuple((name, value) for name, value in self.settings if name not in names)
        return Configured(self.name, kept)


NOTHING = Configured("nothing")
"""No defense."""


@dataclasses.dataclass(frozen=True)
class Backdoor:
    """What was planted: the trigger, the behavior, and the variant, the way it is taught."""

    trigger: Configured
    behavior: Configured
    variant: Configured


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model under study before any defense.

    Of an organism `about` is its own backdoor; of a control (twin, base) the one that it is
    compared with, None where it is compared with all. `factors` are the settings that a recipe
    varies besides; `parameters` are 0 until counted.
    """

    role: Role
    about: Backdoor | None = None
    factors: Settings = ()
    parameters: int = 0

    @property
    def planted(self) -> Backdoor | None:
        """The backdoor of an organism; None for every other model."""
        return self.about if self.role == "organism" else None


@dataclasses.dataclass(frozen=True)
class Condition:
    """A subject after `step` training steps of a defense, with the seed of its experiment."""

    subject: Subject
    seed: int
    defense: Configured = NOTHING
    step: int = 0


def chosen_settings(thing: Named, counting: tuple[str, ...] = ()) -> Settings:
    """The settings of a frozen dataclass that are not the default; what has no default is always
    among them, and of run-only ones those in `counting`."""
    fields = dataclasses.fields(cast(Any, thing))
    chosen: dict[str, Any] = {}
    for field in fields:
        value = getattr(thing, field.name)
        usual = field.default
        if field.default_factory is not dataclasses.MISSING:
            usual = field.default_factory()
        if counts(field, thing, counting) and value != usual:
            named = isinstance(value, Named)
            chosen[field.name] = Configured.of(value, within(field)) if named else spec(value)
    return settings_of(chosen)


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Names and JSON values as settings, in the order of their names, as files have them."""
    return tuple((name, hashable(value)) for name, value in sorted(values.items()))


def hashable(value: Any) -> Any:
    """A JSON value that can be compared and hashed: lists become tuples; an object is a thing with
    its settings, as a user names it ({"name": ..., setting: value})."""
    if isinstance(value, Mapping):
        settings = dict(cast(Mapping[str, Any], value))
        return Configured(settings.pop("name", ""), settings_of(settings))
    if isinstance(value, list | tuple):
        return tuple(hashable(inner) for inner in cast(Iterable[Any], value))
    return value


def shown(settings: Settings) -> str:
    """Names with their values, written as `--set` reads them: "copies=4, places=start,end"."""
    return ", ".join(f"{name}={_written(value)}" for name, value in settings)


def _written(value: Any) -> str:
    """A list with commas between, or as JSON where another list would be read in that."""
    if not isinstance(value, tuple):
        return str(value)
    listed = cast(list[Any], _json(value))
    parts = [part if isinstance(part, str) else json.dumps(part) for part in listed]
    plain = ",".join(parts)
    lists = [cast(list[Any], read) for read in readings(plain) if isinstance(read, list)]
    return plain if lists[:1] == [parts] else json.dumps(listed, ensure_ascii=False)


def as_json(settings: Settings) -> dict[str, Any]:
    """Settings as a JSON object, from which `settings_of` makes the same ones."""
    return {name: _json(value) for name, value in settings}


def _json(value: Any) -> Any:
    if isinstance(value, Configured):
        return {**({"name": value.name} if value.name else {}), **as_json(value.settings)}
    if isinstance(value, tuple):
        return [_json(inner) for inner in cast(Iterable[Any], value)]
    return value
