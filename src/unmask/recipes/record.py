"""run.json: what a run leaves for other tools, and for its own page. Written and read here."""

from __future__ import annotations

import dataclasses
import datetime
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from unmask.analysis.persistence import Effect, Gate, Verdict, Word
from unmask.core.errors import DataError
from unmask.core.row import ConditionRecord
from unmask.engine.executors.executor import Outcome
from unmask.engine.manifest import environment
from unmask.recipes import tested
from unmask.recipes.gather import Gathered, condition_record
from unmask.recipes.recipe import Experiment, Recipe
from unmask.report import conclusions, words
from unmask.report.seeds import Told
from unmask.report.verdicts import FEW


def found(gathered: Gathered) -> dict[str, Any]:
    """What run.json says of what was found, beside the verdicts."""
    return {"over_seeds": gathered.over_seeds, "samples": gathered.samples}


def about(recipe: Recipe, experiment: Experiment, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What run.json says of what was tested; nothing of an experiment that does not say it."""
    if experiment.tested is None:
        return {}
    facts = {done.step.key: done.manifest.facts for done in outcomes if done.manifest}
    return {
        "tested": tested.record(recipe, experiment.tested, facts),
        "resolved": tested.resolved(experiment.tested),
    }


def provenance(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What run.json says of the steps, the machine and the time."""
    return {
        "all_steps": [described(outcome) for outcome in outcomes],
        "environment": environment(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


@dataclasses.dataclass(frozen=True)
class Judgment:
    """The fields of a verdict beside its condition."""

    word: Word
    gate: Gate
    effect: Effect | None


JUDGMENT = TypeAdapter(Judgment)


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as run.json has it: the fields of its condition, its values, and both in words."""
    judgment = Judgment(verdict.word, verdict.gate, verdict.effect)
    rates = {"before": verdict.before, "after": verdict.after}
    return {
        "subject": words.seeded(verdict.condition),
        **condition_record(verdict.condition),
        **{name: dataclasses.asdict(rate) if rate else None for name, rate in rates.items()},
        **JUDGMENT.dump_python(judgment, mode="json"),
        "sentence": conclusions.sentence(verdict),
        "rule": conclusions.RULES[verdict.word],
    }


def verdict_of(record: Mapping[str, Any]) -> Verdict:
    """The verdict that was recorded; raises DataError for a run of an older version."""
    try:
        condition = ConditionRecord.model_validate(record).condition
        judgment = JUDGMENT.validate_python(record)
    except ValidationError:
        raise DataError(
            "run.json is of an older version. Run the recipe again: what its store has is not"
            " computed again."
        ) from None
    return Verdict(condition, judgment.word, judgment.gate, judgment.effect)


def in_plain_words(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Recorded verdicts as lines for a terminal, those of several seeds together; of a FEW also
    what they stand on. Raises DataError for a run of an older version."""
    all_told = Told.all(tuple(map(verdict_of, records)))
    for told in all_told:
        yield told.plain.headline
        change = f", {told.change}" if len(all_told) > FEW and told.change else ""
        yield f"  {told.counted}: {told.about}{change}"
        for line in told.plain.lines if len(all_told) <= FEW else ():
            sign = "" if line.label.endswith("?") else ":"
            yield from textwrap.wrap(
                f"{line.label}{sign} {line.text}", 79, initial_indent="  ", subsequent_indent="    "
            )


def described(outcome: Outcome) -> dict[str, Any]:
    """A step's line in the provenance."""
    manifest = outcome.manifest
    return {
        "key": outcome.step.key,
        "name": outcome.step.name,
        "label": outcome.step.title,
        "status": outcome.status,
        "error": outcome.error,
        "seconds": manifest.seconds if manifest else None,
        "tokens": manifest.facts.get("tokens") if manifest else None,
        "device": manifest.facts.get("device") if manifest else None,
        "created": manifest.created if manifest else None,
    }
