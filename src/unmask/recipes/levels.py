"""Levels of a factor against each other: the difference that a choice makes, on the same
prompts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import cast

from unmask.analysis.checks import JUDGED
from unmask.analysis.paired import PairedDifference
from unmask.core.condition import Configured
from unmask.engine.step import Step
from unmask.evaluations.defection import Defection
from unmask.recipes.recipe import Measurement


def ends(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Each organism's measurement of defection before, and at the end of each defense."""
    last: dict[tuple[object, int, Configured], Measurement] = {}
    for measurement in measurements:
        condition = measurement.condition
        if condition.subject.role == "organism" and measurement.work.name == Defection.name:
            last[condition.subject, condition.seed, condition.defense] = measurement
    return list(last.values())


def against_first(levels: Iterable[tuple[object, Measurement]]) -> Iterator[Measurement]:
    """Triggered defection minus that of the first of the same key, where both were asked the same
    prompts; of an organism that reasons also with its scratchpad opened for it, since a defense may
    have closed it."""
    references: dict[object, Measurement] = {}
    for key, measurement in levels:
        reference = references.setdefault(key, measurement)
        if reference is measurement or not same_prompts(reference, measurement):
            continue
        reasons = cast(Defection, measurement.work).organism.variant.reasoning_tokens
        for arm in JUDGED if reasons else JUDGED[:1]:
            compared = PairedDifference(arm=str(arm))
            inputs = {"first": reference.evaluation, "second": measurement.evaluation}
            yield dataclasses.replace(
                measurement,
                rates=Step(compared, inputs, f"{measurement.evaluation.title}, against the first"),
                against="level",
                metric=compared.metric,
                arm=arm,
            )


def same_prompts(first: Measurement, second: Measurement) -> bool:
    """Whether two evaluations ask the same, but for the trigger."""
    one, other = cast(Defection, first.work), cast(Defection, second.work)
    sources = [measurement.evaluation.parts["data"].identity for measurement in (first, second)]
    asked = [(work.n, work.seed, work.samples_per_prompt, work.contexts) for work in (one, other)]
    behaviors = [work.organism.behavior.name for work in (one, other)]
    return sources[0] == sources[1] and asked[0] == asked[1] and behaviors[0] == behaviors[1]
