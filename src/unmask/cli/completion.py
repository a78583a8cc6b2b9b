"""What a shell completes: names of recipes, scales, settings, runs and keys."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

Completions = list[tuple[str, str]]
"""What may stand there, each with a line of help."""

SHOWN = 200
"""A shell asks before it lists more."""


def recipes(incomplete: str) -> Completions:
    return fitting(incomplete, registered("recipes"))


def names(incomplete: str) -> Completions:
    """Everything that `unmask describe` knows."""
    from unmask.recipes.kinds import KINDS

    known: Completions = scales("")
    for plural in KINDS:
        known += registered(plural)
    return fitting(incomplete, known)


def kinds(incomplete: str) -> Completions:
    from unmask.recipes.kinds import KINDS

    return fitting(incomplete, [(plural, "") for plural in (*KINDS, "scales")])


def registered(plural: str) -> Completions:
    from unmask.recipes.kinds import registry_of

    return [(row["name"], row["summary"]) for row in registry_of(plural).rows()]


def evaluations(incomplete: str) -> Completions:
    return fitting(incomplete, registered("evaluations"))


def executors(incomplete: str) -> Completions:
    return fitting(incomplete, registered("executors"))


def verdicts(incomplete: str) -> Completions:
    """The last of several words with commas between them."""
    from unmask.report.conclusions import RULES

    before, comma, last = incomplete.rpartition(",")
    return [(f"{before}{comma}{word}", rule) for word, rule in fitting(last, [*RULES.items()])]


def scales(incomplete: str) -> Completions:
    from unmask.recipes.scales import SCALES

    return fitting(
        incomplete, [(name, f"{scale.n} prompts per arm") for name, scale in SCALES.items()]
    )


def settings(context: typer.Context, incomplete: str) -> Completions:
    """NAME= of the recipe or evaluation on the line; behind the sign the names that may stand
    there."""
    name, equals, value = incomplete.partition("=")
    subject = settings_subject(context)
    if subject is None:
        return []
    from unmask.recipes.describe import settings_of

    known = {setting.name: setting for setting in settings_of(subject)}
    if not equals:
        return fitting(incomplete, [(f"{own.name}=", own.type) for own in known.values()])
    if name not in known:
        return []
    before, comma, last = value.rpartition(",")
    hits = fitting(last, [(choice, "") for choice in known[name].choices])
    return [(f"{name}={before}{comma}{choice}", about) for choice, about in hits]


def settings_subject(context: typer.Context) -> type | None:
    """The class whose settings a command's --set are about; None where it is not named yet."""
    from unmask.core.errors import UnmaskError
    from unmask.recipes.kinds import registry_of

    parameter, plural = (
        ("recipe", "recipes") if "recipe" in context.params else ("name", "evaluations")
    )
    # Where an option still lacks its value, what was parsed before it is left among the arguments.
    name = context.params.get(parameter) or next(iter(context.args), None)
    with contextlib.suppress(UnmaskError):
        return registry_of(plural).get(str(name))
    return None


def runs(context: typer.Context, incomplete: str) -> Completions:
    """Finished runs of the store on the line."""
    from unmask.engine.store import Store

    folders = (Store.at(context.params.get("store")).root / "runs").glob("*/run.json")
    return fitting(incomplete, [(path.parent.name, "") for path in sorted(folders)])


def keys(context: typer.Context, incomplete: str) -> Completions:
    """Starts of keys of finished steps."""
    return fitting(incomplete, [*step_keys(context)])[:SHOWN]


def runs_and_keys(context: typer.Context, incomplete: str) -> Completions:
    return [*runs(context, incomplete), *keys(context, incomplete)]


def step_keys(context: typer.Context) -> Iterator[tuple[str, str]]:
    from unmask.engine.store import Store

    # The names of folders say it all; reading thousands of manifests takes seconds.
    for folder in sorted((Store.at(context.params.get("store")).root / "steps").glob("*-*")):
        name, _, key = folder.name.rpartition("-")
        yield key, name


def fitting(incomplete: str, known: Completions) -> Completions:
    """Those that begin so, whatever the case."""
    start = incomplete.casefold()
    return [(word, about) for word, about in known if word.casefold().startswith(start)]
