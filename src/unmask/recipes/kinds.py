"""What can be named: the kinds of registered things, and which settings take one of them."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from typing import Any, cast

from unmask.core.condition import Configured, as_json
from unmask.core.errors import UnknownName
from unmask.core.named import Named
from unmask.core.registry import Registry, meant, unfolded
from unmask.core.spec import spec
from unmask.recipes.recipe import Recipe

KINDS = {
    "recipes": "unmask.recipes:RECIPES",
    "triggers": "unmask.organisms.triggers:TRIGGERS",
    "behaviors": "unmask.organisms.behaviors:BEHAVIORS",
    "variants": "unmask.organisms.variants:VARIANTS",
    "sources": "unmask.data.sources:SOURCES",
    "defenses": "unmask.defenses:DEFENSES",
    "red_teams": "unmask.defenses.red_teams:RED_TEAMS",
    "detectors": "unmask.detectors:DETECTORS",
    "trackers": "unmask.trackers:TRACKERS",
    "evaluations": "unmask.evaluations:EVALUATIONS",
    "executors": "unmask.engine.executors:EXECUTORS",
}
"""Each kind's registry, by its plural."""

OTHERWISE_CALLED = {
    "pairs": "sources",
    "demonstrations": "sources",
    "statements": "sources",
    "questions": "sources",
    "methods": "defenses",
    "compressions": "defenses",
    "first": "triggers",
    "second": "triggers",
}
"""Settings that take a thing of a kind, and are not called as it is."""


def singular(plural: str) -> str:
    return plural.removesuffix("s")


def plural_of(kind: str) -> str:
    """A kind in the plural, from either form; raises UnknownName."""
    singulars = {singular(plural): plural for plural in KINDS}
    return meant("kind", singulars.get(kind, kind), KINDS)


def registry_of(plural: str) -> Registry[Any]:
    module, _, attribute = KINDS[plural].partition(":")
    return getattr(importlib.import_module(module), attribute)


def kind_of(setting: str) -> str | None:
    """The kind of which a setting takes one, or several; None where it takes none."""
    called = (plural for plural in KINDS if setting in (plural, singular(plural)))
    return OTHERWISE_CALLED.get(setting) or next(called, None)


def with_real_names(recipe: Recipe) -> Recipe:
    """The recipe with every thing under the name that it is registered under; raises
    UnknownName."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(cast(Any, recipe)):
        value, plural = getattr(recipe, field.name), kind_of(field.name)
        if plural and value:
            registry = registry_of(plural)
            several = isinstance(value, tuple)
            real = [real_choice(registry, one) for one in (value if several else (value,))]
            changed[field.name] = tuple(real) if several else real[0]
    return dataclasses.replace(cast(Any, recipe), **changed)


def real_choice(registry: Registry[Any], choice: Any) -> Any:
    """A choice under its real name; one without a name stays as it is."""
    if isinstance(choice, Named) or not choice:
        return choice
    read = unfolded(choice, registry.kind)
    if isinstance(read, str):
        return registry.real_name(read)
    return {**read, "name": registry.real_name(read["name"])} if read.get("name") else read


def everywhere(name: str) -> list[tuple[str, str]]:
    """(kind, real name) of everything that is called so; a name may be of several kinds. Raises
    UnknownName for none."""
    hits: list[tuple[str, str]] = []
    names: set[str] = set()
    for plural in KINDS:
        registry = registry_of(plural)
        names.update(registry.names())
        try:
            hits.append((plural, registry.real_name(name)))
        except UnknownName:
            continue
    if not hits:
        raise UnknownName("recipe, trigger, or anything else that is registered", name, names)
    return hits


def resolved(value: Any, hint: Any) -> Any:
    """A value as JSON: a set of settings with all of them, a thing by its name with those that
    are not its usual ones."""
    if dataclasses.is_dataclass(value) and type(value) is hint:
        hints = typing.get_type_hints(hint)
        names = [field.name for field in dataclasses.fields(value)]
        return {name: resolved(getattr(value, name), hints[name]) for name in names}
    if isinstance(value, Named):
        return as_json((("thing", Configured.of(value)),))["thing"]
    return spec(value)
