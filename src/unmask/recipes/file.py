"""An experiment as a file (TOML): a recipe, its settings, and what is varied.

    recipe = "toy"

    [settings]
    trigger = "year"

    [over]
    seed = [0, 1, 2]

`written` fills in every default, so that two files can be compared line by line, and a file means
the same when a default has changed.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from unmask.core.errors import SettingError, UnknownName, brief
from unmask.core.json_rows import expanded
from unmask.core.registry import read_choice
from unmask.recipes.kinds import kind_of, registry_of, resolved
from unmask.recipes.recipe import Recipe
from unmask.recipes.scales import scale_of

ENDING = ".toml"
FIELDS = ("recipe", "settings", "over")


@dataclasses.dataclass(frozen=True)
class Written:
    """What an experiment's file says."""

    recipe: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    over: Mapping[str, Sequence[Any]] = dataclasses.field(default_factory=dict)

    def changed(
        self, settings: Mapping[str, Any], over: Mapping[str, Sequence[Any]] | None
    ) -> Written:
        """With other settings; what is varied now is no longer fixed."""
        varied = {**self.over, **(over or {})}
        kept = {name: value for name, value in self.settings.items() if name not in varied}
        return Written(self.recipe, merged(kept, settings), varied)

    @property
    def text(self) -> str:
        sections = {"settings": self.settings, **({"over": self.over} if self.over else {})}
        blocks = [f"recipe = {toml(self.recipe)}", *tables(sections)]
        return "\n\n".join(blocks) + "\n"


def is_file(recipe: str) -> bool:
    """Whether a file is meant, and not a recipe's name."""
    return recipe.endswith(ENDING)


def read_experiment(path: str) -> Written:
    """Raises SettingError for a file that is no experiment."""
    try:
        values = tomllib.loads(expanded(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not TOML: {error}.") from None
    for given in values:
        if given not in FIELDS:
            raise UnknownName(f"part of an experiment's file ({path})", given, FIELDS)
    if not isinstance(values.get("recipe"), str):
        raise SettingError(f'{path} names no recipe. Write recipe = "toy" in its first line.')
    for part in FIELDS[1:]:
        if not isinstance(values.get(part, {}), dict):
            raise SettingError(f"{path}: {part} = {brief(values[part])} is no table: [{part}].")
    for name, several in values.get("over", {}).items():
        if not isinstance(several, list):
            raise SettingError(f"{path}: over.{name} = {brief(several)} is no list of values.")
    return Written(**values)


def written(recipe: Recipe) -> Written:
    """A recipe with every default filled in; what is nothing by default is left out."""
    from unmask.recipes.sweep import Sweep

    if isinstance(recipe, Sweep):
        fixed = full(recipe.cells[0].recipe)
        varied = {name.partition(".")[0] for name in recipe.over}
        kept = {name: value for name, value in fixed.items() if name not in varied}
        given = {name: value for name, value in recipe.settings.items() if name in varied}
        return Written(recipe.recipe, {**kept, **given}, recipe.over)
    return Written(recipe.name, full(recipe))


def full(recipe: Recipe) -> dict[str, Any]:
    """All settings of a recipe as JSON values. A thing that is given by name alone is given with
    its settings; a defense or an evaluation is not, since rows name it by those that were said."""
    settings: dict[str, Any] = {}
    for field in dataclasses.fields(cast(Any, recipe)):
        value, plural = getattr(recipe, field.name), kind_of(field.name)
        if field.name == "scale":
            usual = getattr(type(recipe), "usual_scale", "toy")
            value = {"name": read_choice("scale", value, usual)["name"], **numbers(value, usual)}
        elif (
            plural
            and isinstance(value, str | dict)
            and dict(read_choice(plural, value)).get("name")
        ):
            made = registry_of(plural).make(value)
            value = {"name": made.name, **resolved(made, type(made))}
        if value is not None:
            settings[field.name] = list(value) if isinstance(value, tuple) else value
    return without_nothing(settings)


def numbers(scale: Any, usual: str) -> dict[str, Any]:
    made = scale_of(scale, usual)
    return resolved(made, type(made))


def without_nothing(value: Any) -> Any:
    """A JSON value without settings that are None, for which TOML has no word."""
    if isinstance(value, dict):
        return {name: without_nothing(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [without_nothing(inner) for inner in value]
    return value


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with changes; a thing of another name has none of the first one's settings."""
    whole = dict(settings)
    for name, value in changes.items():
        there = whole.get(name)
        same = isinstance(value, dict) and value.get("name") in (None, named(there))
        whole[name] = merged(there, value) if same and isinstance(there, dict) else value
    return whole


def named(value: Any) -> Any:
    return value.get("name") if isinstance(value, dict) else value


def tables(sections: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    """Mappings as TOML's tables, one block of lines each."""
    for name, values in sections.items():
        heading = f"{inside}{key(name)}"
        plain = {inner: value for inner, value in values.items() if not isinstance(value, dict)}
        lines = [f"{key(inner)} = {toml(value)}" for inner, value in plain.items()]
        yield "\n".join([f"[{heading}]", *lines])
        nested = {inner: value for inner, value in values.items() if inner not in plain}
        yield from tables(nested, f"{heading}.")


def key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)


def toml(value: Any) -> str:
    """A value on one line: its words and numbers are JSON's, its tables are not."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key(name)} = {toml(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
