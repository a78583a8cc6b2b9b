"""What a run stands on, as a bibliography: the sources that the docstrings of everything in its
graph name."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from unmask.core.named import Named
from unmask.core.reference import Reference
from unmask.core.references import PAPER, PYTORCH, REFERENCES, TRANSFORMERS
from unmask.data.vocabulary import Vocabulary
from unmask.engine.step import ordered
from unmask.recipes.recipe import Recipe

ALWAYS = (PAPER, PYTORCH, TRANSFORMERS)
"""What every run stands on."""


@dataclasses.dataclass(frozen=True)
class Cited:
    """A reference, and the names of what a run used it for."""

    reference: Reference
    used_for: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self.reference), "used_for": list(self.used_for)}


def cited_by(recipe: Recipe) -> list[Cited]:
    """Every reference of a recipe's graph, in the order of the bibliography."""
    works = (step.work for step in ordered(recipe.build().targets))
    # A vocabulary knows the words of every trigger there is; that uses none of them.
    studied = [work for work in works if not isinstance(work, Vocabulary)]
    texts: dict[str, str] = {}
    for thing in used(studied):
        texts[thing.name] = f"{texts.get(thing.name, '')}\n{documentation(thing)}"
    cited: list[Cited] = []
    for reference in REFERENCES:
        names = tuple(name for name, text in sorted(texts.items()) if reference.named_in(text))
        if names or reference in ALWAYS:
            cited.append(Cited(reference, names))
    return cited


def used(things: Iterable[object]) -> Iterator[Named]:
    """Everything with a name among some works and their settings, however deep."""
    for thing in things:
        if isinstance(thing, Named):
            yield thing
        if isinstance(thing, Mapping):
            yield from used(thing.values())
        elif isinstance(thing, tuple | list):
            yield from used(thing)
        elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
            yield from used(getattr(thing, field.name) for field in dataclasses.fields(thing))


def documentation(thing: Named) -> str:
    """The docstrings of a class, of those that it extends, and of their modules; and what its
    settings alone bring in."""
    texts = [thing.cites()]
    for cls in type(thing).__mro__:
        if issubclass(cls, Named) and cls is not Named:
            texts += [cls.__doc__ or "", sys.modules[cls.__module__].__doc__ or ""]
    return "\n".join(texts)


def software(version: str, packages: Mapping[str, str]) -> str:
    """The entry of this project, and as a note the versions that a run was made with."""
    versions = ", ".join(f"{name} {number}" for name, number in packages.items())
    fields = {
        "author": "{The unmask authors}",
        "title": "{unmask: what safety training leaves of a known backdoor}",
        "year": "2026",
        "version": version,
        "note": f"Made with {versions}" if versions else "",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join(["@software{unmask,", *lines, "}"])
