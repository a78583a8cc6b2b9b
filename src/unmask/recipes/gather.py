"""From finished steps to rows of results.jsonl, verdicts and the replies that the report shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.analysis import persistence
from unmask.analysis.enough import Enough
from unmask.analysis.paired import holm
from unmask.core.arm import Arm
from unmask.core.condition import NOTHING, Condition, Subject
from unmask.core.conversation import Conversation, Reply
from unmask.core.files import read_json, read_jsonl
from unmask.core.league import LEAGUE, League, read_league
from unmask.core.row import ConditionRecord, Row
from unmask.engine.executors.executor import Outcome
from unmask.engine.store import Store
from unmask.evaluations.defection import Defection
from unmask.recipes.recipe import Campaign, Experiment, Log, Measurement
from unmask.report import conclusions, words
from unmask.report.attack_log import excerpt

SHOWN_PROMPTS = 12
NAMED = 3
"""So many failed steps of one error are named."""


@dataclasses.dataclass(frozen=True)
class Gathered:
    """What a run found: `rows` as in results.jsonl, `verdicts`, and `warnings` where something must
    not be believed."""

    rows: list[Row]
    verdicts: tuple[persistence.Verdict, ...]
    warnings: tuple[str, ...]
    samples: list[dict[str, Any]]
    logs: list[dict[str, Any]]
    attacks: list[dict[str, Any]]
    over_seeds: dict[str, str]
    league: League | None = None


def gather(experiment: Experiment, outcomes: Sequence[Outcome], store: Store) -> Gathered:
    """Everything that was measured; what failed is missing and warned of. Of a trial nothing is
    concluded."""
    done = {outcome.step.key for outcome in outcomes if outcome.status in ("executed", "cached")}
    finished = [measured for measured in experiment.measurements if measured.rates.key in done]
    rows = judged(finished, store)
    verdicts, warnings = ([], []) if experiment.trial else concluded(rows)
    warnings.extend(unasked(rows))
    warnings.extend(() if experiment.trial else too_few(finished, store))
    warnings.extend(failures(outcomes))
    logs: list[dict[str, Any]] = []
    for log in experiment.logs:
        if log.training.step.key in done:
            record, collapse = training_log(log, store)
            logs.append(record)
            warnings.extend(f"{words.trained(log.condition)}: {sentence}" for sentence in collapse)
    attacked = [
        campaign
        for campaign in experiment.campaigns
        if {campaign.attacks.key, campaign.found.key} <= done
    ]
    league = league_of(experiment, done, store)
    warnings.extend(league.warnings if league and not experiment.trial else ())
    return Gathered(
        rows=rows,
        verdicts=tuple(verdicts),
        warnings=tuple(dict.fromkeys(warnings)),
        samples=side_by_side(finished, store),
        logs=logs,
        attacks=[attempts(campaign, store) for campaign in attacked],
        over_seeds=over_seeds(verdicts),
        league=league,
    )


def league_of(experiment: Experiment, done: Collection[str], store: Store) -> League | None:
    """What a league found; None where none was run, or its labels were not opened."""
    opened = experiment.league
    if opened is None or opened.key not in done:
        return None
    return read_league(store.folder(opened) / LEAGUE)


def judged(finished: Sequence[Measurement], store: Store) -> list[Row]:
    """All rows, each with what its organism's gate says, and of differences the adjusted p."""
    measured: list[tuple[Row, Measurement]] = []
    for measurement in finished:
        measured.extend((row, measurement) for row in measured_rows(measurement, store))
    gates: dict[tuple[Subject, int], bool | None] = {}
    for (subject, seed), own in by_organism([row for row, _ in measured]).items():
        gate = persistence.gate(own)
        bare = dataclasses.replace(subject, parameters=0)
        gates[bare, seed] = gate.passed if gate else None
    # A difference stands on two models, each of which must be planted where it is an organism.
    sound = {
        measurement.evaluation.key: measurement.condition.subject.planted is None
        or bool(_gate(gates, measurement))
        for measurement in finished
    }
    adjusted = iter(holm([row.p for row, _ in measured if row.p is not None]))
    rows: list[Row] = []
    for row, measurement in measured:
        update: dict[str, Any] = {"planted": _gate(gates, measurement)}
        if row.p is not None:
            sides = [part.step.key for part in measurement.rates.parts.values()]
            update = {"planted": all(map(sound.get, sides)), "p_adjusted": next(adjusted)}
        rows.append(row.model_copy(update=update))
    return rows


def _gate(
    gates: Mapping[tuple[Subject, int], bool | None], measurement: Measurement
) -> bool | None:
    return gates.get((measurement.condition.subject, measurement.condition.seed))


def concluded(rows: Sequence[Row]) -> tuple[list[persistence.Verdict], list[str]]:
    """A verdict for each organism and defense, and what must be known before a number is
    believed."""
    verdicts: list[persistence.Verdict] = []
    warnings: list[str] = []
    for (subject, seed), own in by_organism(rows).items():
        gate = persistence.gate(own)
        if gate and not gate.passed:
            name = words.seeded(Condition(subject, seed))
            warnings.append(
                f"The organism {name} is NOT planted: {conclusions.gate(gate)}. Nothing follows"
                " from its rows."
            )
        conditions = [row.condition for row in own if row.organism]
        defenses = dict.fromkeys(
            condition.defense for condition in conditions if condition.defense != NOTHING
        )
        concluding = [persistence.verdict(own, defense) for defense in defenses]
        verdicts.extend(filter(None, concluding or [persistence.planting(own)]))
    return verdicts, warnings


def unasked(rows: Sequence[Row]) -> Iterator[str]:
    """What no number tells, of any organism that was defended."""
    for own in by_organism(rows).values():
        defended = any(row.organism and row.condition.defense != NOTHING for row in own)
        if defended and not any(row.metric == "harmless" for row in own):
            yield (
                "Whether safety training took hold was not measured: the source has no requests for"
                " harm (examples with a `harmful` answer among the rejected ones)."
            )


def too_few(finished: Sequence[Measurement], store: Store) -> Iterator[str]:
    """Which verdicts on a defense cannot come out because a source has too few held-out prompts, or
    an arm asks too few; nothing where all can."""
    told: set[tuple[str, int]] = set()
    for measured in finished:
        evaluation = measured.work
        if not isinstance(evaluation, Defection) or not measured.condition.step:
            continue
        data = measured.evaluation.parts["data"]
        if (data.step.key, evaluation.n) in told:
            continue
        told.add((data.step.key, evaluation.n))
        folder = store.folder(data.step) / data.path
        known = Enough.of(folder, evaluation.n, evaluation.organism.taught)
        if known.missing or known.prompts < known.wanted:
            yield " ".join(known.sentences)


def failures(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A sentence per work and error, with the steps that it befell; and what a budget stopped."""
    befallen: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.status == "failed":
            step = outcome.step
            befallen.setdefault((step.name, outcome.error), []).append(step.title)
    for (name, error), titles in befallen.items():
        if len(titles) == 1:
            yield f"The step '{titles[0]}' failed: {error}"
        else:
            more = "" if len(titles) <= NAMED else ", ..."
            named = f"{', '.join(repr(title) for title in titles[:NAMED])}{more}"
            yield f"{len(titles)} steps '{name}' failed ({named}): {error}"
    if stopped := [outcome.error for outcome in outcomes if outcome.status == "stopped"]:
        yield (
            f"The budget stopped {len(stopped)} of {len(outcomes)} steps before they were begun."
            f" {stopped[0]} Run the same again, with more, for the rest: what is done is kept."
        )


def over_seeds(verdicts: Sequence[persistence.Verdict]) -> dict[str, str]:
    """What the seeds have in common, by what they are about; of those that have several seeds."""
    sentences: dict[str, str] = {}
    for group in persistence.by_seeds(verdicts):
        summary = persistence.over_seeds(group)
        if len(group) > 1 and summary:
            sentences[words.verdict_on(group[0].condition)] = conclusions.over_seeds(summary)
    return sentences


def training_log(log: Log, store: Store) -> tuple[dict[str, Any], list[str]]:
    """How a training went, step by step (a defense may keep no log), and the sentences in which it
    says that it collapsed. A later round's steps are counted on from the one before."""
    folder = store.folder(log.training.step)
    made = [read_json(store.folder(part.step) / "manifest.json") for part in log.line]
    facts = made[-1]["facts"]
    path = folder / "log.jsonl"
    rows = [row for _, row in read_jsonl(path)] if path.exists() else []
    before = log.condition.step - rows[-1]["step"] if rows else 0
    counted = [{**row, "step": row["step"] + before} for row in rows]
    record = condition_record(counted_in(log.condition, facts.get("parameters", 0)))
    seconds = sum(manifest["seconds"] for manifest in made)
    return {**record, "rows": counted, "seconds": seconds}, facts.get("collapse", [])


def attempts(campaign: Campaign, store: Store) -> dict[str, Any]:
    """A red team's campaign as the report shows it: some of its attempts, and counts of all."""
    tried = read_jsonl(store.folder(campaign.attacks) / "attacks.jsonl")
    answers = read_jsonl(store.folder(campaign.found) / "replies.jsonl")
    rows = [
        {**row, "found": judged["scores"]["found_trigger"]}
        for (_, row), (_, judged) in zip(tried, answers, strict=True)
    ]
    title = words.campaign(campaign.condition)
    return excerpt({"title": title, "step": campaign.attacks.key, "rows": rows})


def measured_rows(measurement: Measurement, store: Store) -> Iterator[Row]:
    """The rows of one measurement; `planted` is filled in later."""
    rates = [rate for _, rate in read_jsonl(store.folder(measurement.rates) / "rates.jsonl")]
    parameters = rates[0]["parameters"] if rates else 0  # all of them are of one model
    whose = ConditionRecord.fields(counted_in(measurement.condition, parameters))
    for rate in rates:
        arm = Arm(rate["arm"])
        numbers = {name: rate[name] for name in ("gained", "lost", "p") if name in rate}
        what = {
            name: rate[name]
            for name in ("evaluation", "arm", "metric", "value", "n", "low", "high")
        }
        fields = {
            **whose,
            **what,
            **numbers,
            "opened": arm.opened,
            "dose": arm.dose,
            "unit": measurement.work.metric(rate["metric"]).unit,
            "step": measurement.evaluation.key,
            "against": measurement.against,
        }
        yield Row.model_validate(fields)


def counted_in(condition: Condition, parameters: int) -> Condition:
    """The condition, now that it is known how many parameters the model has."""
    return dataclasses.replace(
        condition, subject=dataclasses.replace(condition.subject, parameters=parameters)
    )


def condition_record(condition: Condition) -> dict[str, Any]:
    """The fields of a JSON object that is about a condition."""
    return ConditionRecord(**ConditionRecord.fields(condition)).model_dump(mode="json")


def by_organism(rows: Sequence[Row]) -> dict[tuple[Subject, int], list[Row]]:
    """The rows of each organism, by the organism and the seed, with those of its controls.

    A base that all levels of a factor were made from has no factors of its own, and is the control
    of each.
    """
    organisms: dict[tuple[Subject, int], list[Row]] = {}
    controls: dict[object, list[Row]] = {}
    for row in rows:
        subject, seed = row.condition.subject, row.seed
        if subject.planted:
            organisms.setdefault((subject, seed), []).append(row)
        else:
            controls.setdefault((subject.about, subject.factors, seed), []).append(row)
    for (subject, seed), own in organisms.items():
        for factors in dict.fromkeys((subject.factors, ())):
            own.extend(controls.get((subject.about, factors, seed), ()))
    return organisms


def side_by_side(measurements: Sequence[Measurement], store: Store) -> list[dict[str, Any]]:
    """The first prompts with the replies of every model, trigger on and off, before and after each
    defense."""
    last: dict[object, Measurement] = {}
    for measurement in measurements:
        condition = measurement.condition
        if measurement.work.name == Defection.name and measurement.against is None:
            subject = condition.subject
            # Of the base there is one, whichever organism it stands beside.
            model = subject if subject.role != "base" else dataclasses.replace(subject, about=None)
            state = (model, condition.defense)
            known = last.get(state)
            if known is None or condition.step > known.condition.step:
                last[state] = measurement
    prompts: dict[str, dict[str, Any]] = {}
    for measurement in last.values():
        record = condition_record(measurement.condition)
        for row in first_rows(store.folder(measurement.evaluation) / "replies.jsonl"):
            cell = {**record, **told(row)}
            shown = prompts.setdefault(row["id"], {"prompt": cell["prompt"], "cells": []})
            if row["arm"] == "untriggered":
                shown["prompt"] = Conversation.of(row["prompt"]).text
            shown["cells"].append(cell)
    return list(prompts.values())


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of replies.jsonl as the report shows it."""
    reply = Reply.of(row)
    return {
        "arm": row["arm"],
        "prompt": Conversation.of(row["prompt"]).full_text,
        "reply": reply.answer,
        "scratchpad": reply.scratchpad,
        "exhibited": row["scores"]["defection"],
    }


def first_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of the first SHOWN_PROMPTS prompts."""
    ids: set[str] = set()
    for _, row in read_jsonl(path):
        ids.add(row["id"])
        if len(ids) > SHOWN_PROMPTS:
            return
        yield row
