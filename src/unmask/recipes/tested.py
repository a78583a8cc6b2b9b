"""What a run tested, for whoever reads or repeats it: models, data, scale, seeds, every setting as
it came out, and the command that runs it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.core.spec import spec
from unmask.engine.step import Part, Step
from unmask.recipes.recipe import Recipe, Tested

Facts = Mapping[str, Mapping[str, Any]]
"""What each step said of its result, by the step's key."""


def record(recipe: Recipe, tested: Tested, facts: Facts) -> dict[str, Any]:
    """The values of run.json: what was given and made, as far as it was made."""
    return {
        "models": [model(role, part, facts) for role, part in tested.models.items()],
        "data": [source(role, step, facts) for role, step in tested.data.items()],
        "scale": recipe.scale_name,
        "seeds": list(tested.seeds),
        "command": shlex.join(recipe.command()),
    }


def resolved(tested: Tested) -> dict[str, Any]:
    """Every setting as it came out, also those that nobody chose."""
    return {
        "scale": {scale.size: spec(scale)["settings"] for scale in tested.scales},
        "organism": {str(i): spec(made)["settings"] for i, made in enumerate(tested.organisms)},
        "defense": {name: spec(defense)["settings"] for name, defense in tested.defenses.items()},
        "data": {role: spec(step.work)["settings"] for role, step in tested.data.items()},
    }


def model(role: str, part: Step | Part, facts: Facts) -> dict[str, Any]:
    """A model by name, size, commit (of a hub model) and the SHA-256 of what it was read from."""
    step = part.step if isinstance(part, Part) else part
    known = facts.get(step.key, {})
    named = str(known.get("source") or "")
    return {
        "role": role,
        "name": (Path(named).name if Path(named).is_absolute() else named) or None,
        "parameters": known.get("parameters"),
        "commit": known.get("commit"),
        "content": spec(step.work)["settings"].get("content"),
        "step": step.key,
    }


def source(role: str, step: Step, facts: Facts) -> dict[str, Any]:
    """Data by the source's name, its file where it has one, and its examples by split."""
    return {
        "role": role,
        "name": step.name,
        "file": getattr(step.work, "path", None),
        "examples": facts.get(step.key, {}).get("examples"),
        "step": step.key,
    }
