"""From what a user wrote to a recipe: its name and settings, several values of them, or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unmask.core.errors import SettingError
from unmask.recipes import RECIPES
from unmask.recipes.file import is_file, read_experiment
from unmask.recipes.kinds import with_real_names
from unmask.recipes.recipe import Recipe

Over = Mapping[str, Sequence[Any]]
"""Settings, by dotted names, with the values that each is to have."""

BESIDE = {
    "name": "unmask run NAME, in Python unmask.run(name)",
    "recipe": "unmask run NAME, in Python unmask.run(name)",
    "store": "--store DIR, in Python store=folder",
    "executor": "--executor NAME, --executor.workers N, in Python executor=choice",
    "over": "--over seed=0,1,2 of unmask sweep, in Python over={...}",
    "budget": "--budget 10m, in Python budget=text",
    "track": "--track NAME, in Python track=choice",
}
"""What is said beside a recipe's settings, and how."""


def chosen(recipe: str, settings: Mapping[str, Any], over: Over | None = None) -> Recipe:
    """The recipe of that name, or of the file; where settings have several values, a sweep over
    it. Raises UnknownName or SettingError."""
    from unmask.recipes.sweep import Sweep

    if is_file(recipe):
        written = read_experiment(recipe).changed(settings, over)
        recipe, settings, over = written.recipe, written.settings, written.over or None
    if over is None:
        return recipe_of(recipe, settings)
    lists = {name: tuple(values) for name, values in over.items()}
    return Sweep(recipe=recipe, settings=settings, over=lists)


def recipe_of(name: str, settings: Mapping[str, Any]) -> Recipe:
    """A recipe by name with settings; raises UnknownName or SettingError."""
    for option in sorted(BESIDE.keys() & settings.keys()):
        raise SettingError(
            f"'{option}' is no setting of the recipe '{name}'. It stands beside the settings:"
            f" {BESIDE[option]}."
        )
    return with_real_names(RECIPES.configure(name, settings))


def joined(settings: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's settings from both places where Python may write them; raises SettingError for one
    in both."""
    twice = sorted((settings or {}).keys() & more.keys())
    if twice:
        raise SettingError(
            f"{', '.join(twice)}: given among the settings and as an argument. Write it once."
        )
    return {**(settings or {}), **more}
