"""What can be said of anything that has a name: its settings in words, where it is from, what it
cost."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import inspect
import statistics
import types
import typing
from collections.abc import Sequence
from typing import Any, Literal

from unmask.core.errors import UnknownName, UnmaskError
from unmask.core.registry import Choice, meant
from unmask.engine.store import Store
from unmask.recipes.kinds import (
    everywhere,
    kind_of,
    plural_of,
    registry_of,
    resolved,
    singular,
)
from unmask.recipes.run import plan
from unmask.recipes.scales import SCALES

WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "nothing",
}
SCALE = "scale"


@dataclasses.dataclass(frozen=True)
class Setting:
    """`choices` are all values that it may have, where these are names; `default` is None where it
    must be given (`needed`)."""

    name: str
    type: str
    default: Any = None
    needed: bool = False
    choices: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Description:
    """`about` is the rest of what its author wrote, `origin` the package and module that it is
    from, and `cost` a sentence, "" where nothing is known."""

    kind: str
    name: str
    summary: str
    about: str
    settings: tuple[Setting, ...]
    origin: str
    cost: str = ""


def describe(name: str, store: Store, kind: str = "") -> list[Description]:
    """Everything of that name, of one kind or of any; raises UnknownName for none."""
    if kind and folded_scale(kind):
        return [described_scale(meant(SCALE, name, SCALES))]
    if kind:
        plural = plural_of(kind)
        hits = [(plural, registry_of(plural).real_name(name))]
    else:
        hits = named(name)
    return [
        described_scale(real) if plural == SCALE else described(plural, real, store)
        for plural, real in hits
    ]


def folded_scale(kind: str) -> bool:
    return kind.casefold() in (SCALE, f"{SCALE}s")


def named(name: str) -> list[tuple[str, str]]:
    """(kind, real name) of all that is called so, scales among them."""
    try:
        scales = [(SCALE, meant(SCALE, name, SCALES))]
    except UnknownName:
        return everywhere(name)
    try:
        return [*everywhere(name), *scales]
    except UnknownName:
        return scales


def described(plural: str, name: str, store: Store) -> Description:
    """One registered class."""
    cls = registry_of(plural).get(name)
    cost_of = planned_cost if plural == "recipes" else past_cost
    return Description(
        kind=singular(plural),
        name=name,
        summary=cls.summary(),
        about=rest_of(cls),
        settings=tuple(settings_of(cls)),
        origin=origin_of(cls),
        cost=cost_of(name, store),
    )


def described_scale(name: str) -> Description:
    """A scale, with its numbers as the defaults."""
    scale = SCALES[name]
    numbers = resolved(scale, type(scale))
    settings = [
        dataclasses.replace(setting, default=numbers[setting.name])
        for setting in settings_of(type(scale))
    ]
    return Description(
        kind=SCALE,
        name=name,
        summary=type(scale).summary(),
        about=rest_of(type(scale)),
        settings=tuple(settings),
        origin=origin_of(type(scale)),
    )


def rest_of(cls: type) -> str:
    """The docstring behind its first paragraph."""
    return inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[2]


def settings_of(cls: type) -> list[Setting]:
    """The settings of a frozen dataclass, in its order."""
    hints = typing.get_type_hints(cls)
    settings: list[Setting] = []
    for field in dataclasses.fields(cls):
        hint, needed = hints[field.name], field.default is field.default_factory
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        choices = choices_of(field.name, hint)
        words = in_words(hint, field.name)
        settings.append(
            Setting(field.name, words, None if needed else resolved(default, hint), needed, choices)
        )
    return settings


def in_words(hint: Any, name: str) -> str:
    """A type as a reader says it."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if takes_choice(hint):
        return chosen_in_words(name)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin is tuple:
        return f"several: {in_words(inner[0], name)}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(in_words(part, name) for part in inner)
    if isinstance(hint, type) and hint in WORDS:
        return WORDS[hint]
    return "settings" if dataclasses.is_dataclass(hint) else str(getattr(hint, "__name__", hint))


def takes_choice(hint: Any) -> bool:
    """Whether it is a Choice, or one among others."""
    return {*typing.get_args(Choice)} <= {*typing.get_args(hint)}


def chosen_in_words(name: str) -> str:
    """Of a setting that takes a thing by its name."""
    plural = kind_of(name)
    kind = SCALE if name == SCALE else singular(plural).replace("_", " ") if plural else "thing"
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}'s name, or a name with settings"


def choices_of(name: str, hint: Any) -> tuple[str, ...]:
    """All names that a setting may have; none where it may have any."""
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return tuple(map(str, inner))
    if name == SCALE:
        return tuple(SCALES)
    plural = kind_of(name)
    return tuple(registry_of(plural).names()) if plural else ()


def origin_of(cls: type) -> str:
    """The package with its version, and the module."""
    package = cls.__module__.partition(".")[0]
    owners = importlib.metadata.packages_distributions().get(package, [package])
    try:
        version = importlib.metadata.version(owners[0])
    except importlib.metadata.PackageNotFoundError:
        version = "of no known version"
    return f"{owners[0]} {version}, {cls.__module__}"


def planned_cost(name: str, store: Store) -> str:
    """What a recipe would cost with its defaults, beside what the store has."""
    try:
        planned = plan(name, store=store.root)
    except UnmaskError as error:
        return f"not known without settings of your own: {error}"
    return (
        f"with these settings {len(planned.waiting)} of {len(planned.steps)} steps are to run:"
        f" about {planned.tokens:,} tokens, {planned.seconds / 60:.1f} minutes"
    )


def past_cost(name: str, store: Store) -> str:
    """What steps of that name took, as far as the store has any."""
    seconds = [
        manifest.seconds for _, manifest in store.manifests() if manifest and manifest.name == name
    ]
    return summed_up(seconds) if seconds else ""


def summed_up(seconds: Sequence[float]) -> str:
    return (
        f"{len(seconds)} steps in this store took {min(seconds):.1f} to {max(seconds):.1f} s,"
        f" half of them at most {statistics.median(seconds):.1f} s"
    )
