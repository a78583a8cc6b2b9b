"""Two runs side by side: what differs in their settings, and in their numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.analysis.paired import Difference, holm, paired_difference, scored
from unmask.core.errors import DataError
from unmask.core.files import read_json
from unmask.core.placing import flattened
from unmask.core.row import Row
from unmask.recipes.finished import Finished

Match = Callable[[Row], object]

ASKED = ("n", "seed", "contexts", "samples_per_prompt")
"""The settings of an evaluation that decide which prompts it asks."""


@dataclasses.dataclass(frozen=True)
class Compared:
    """A number of both runs. Where both were measured on the same prompts, `difference` is the
    second minus the first, paired, and `p_adjusted` its p adjusted (Holm) for all that are shown;
    else both are None, and only the two intervals can be compared."""

    first: Row
    second: Row
    difference: Difference | None = None
    p_adjusted: float | None = None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """`settings` and `environment` have what differs, as (first, second); None where one has no
    such. `alone` counts the numbers that one run has and the other has not."""

    runs: tuple[str, str]
    settings: Mapping[str, tuple[Any, Any]]
    environment: Mapping[str, tuple[Any, Any]]
    numbers: Sequence[Compared]
    alone: tuple[int, int]


def compare(first: Finished, second: Finished, wanted: Callable[[Row], bool]) -> Comparison:
    """The `wanted` numbers of two runs. Raises DataError for rows of another schema, and where the
    runs have no number in common."""
    pairs = matched(
        [row for row in first.rows if wanted(row) and row.against is None],
        [row for row in second.rows if wanted(row) and row.against is None],
    )
    if not pairs:
        raise DataError(
            f"{first.run} and {second.run} have no number in common: they measured other models,"
            " defenses or evaluations."
        )
    folders = [steps_by_key(run) for run in (first, second)]
    compared = [Compared(one, other, difference_of(one, other, folders)) for one, other in pairs]
    return Comparison(
        runs=(first.run, second.run),
        settings=differing(settings_of(first), settings_of(second)),
        environment=differing(environment_of(first), environment_of(second)),
        numbers=adjusted(compared),
        alone=(
            sum(wanted(row) and row.against is None for row in first.rows) - len(pairs),
            sum(wanted(row) and row.against is None for row in second.rows) - len(pairs),
        ),
    )


def settings_of(run: Finished) -> dict[str, Any]:
    return flattened({"recipe": run.record["recipe"], **run.record["settings"]})


def environment_of(run: Finished) -> dict[str, Any]:
    """What can change a number though no setting does."""
    environment = dict(run.record["environment"])
    environment.pop("argv0", None)
    return flattened(environment)


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys([*first, *second])
    values = {name: (first.get(name), second.get(name)) for name in names}
    return {name: pair for name, pair in values.items() if pair[0] != pair[1]}


def matched(first: Sequence[Row], second: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Rows about the same thing: of equal conditions; of what is left, those that are alone in
    being alike but for the backdoor and factors, then also but for the seed."""
    pairs: list[tuple[Row, Row]] = []
    for match in (same_condition, same_but_planted, same_but_seeded):
        ones, others = by_match(first, match), by_match(second, match)
        both = [key for key in ones if len(ones[key]) == len(others.get(key, ())) == 1]
        pairs += [(ones[key][0], others[key][0]) for key in both]
        matches = set(both)
        first = [row for row in first if match(row) not in matches]
        second = [row for row in second if match(row) not in matches]
    return pairs


def by_match(rows: Sequence[Row], match: Match) -> dict[object, list[Row]]:
    groups: dict[object, list[Row]] = {}
    for row in rows:
        groups.setdefault(match(row), []).append(row)
    return groups


def same_condition(row: Row) -> object:
    subject = dataclasses.replace(row.condition.subject, parameters=0)
    return dataclasses.replace(row.condition, subject=subject), *measured(row)


def same_but_planted(row: Row) -> object:
    condition = row.condition
    return condition.subject.role, condition.seed, condition.defense, condition.step, *measured(row)


def same_but_seeded(row: Row) -> object:
    condition = row.condition
    return condition.subject.role, condition.defense, condition.step, *measured(row)


def measured(row: Row) -> tuple[str, str, str]:
    return row.evaluation, row.arm, row.metric


def steps_by_key(run: Finished) -> dict[str, Path]:
    """The folders of the steps that a run's store has, by the starts of their keys."""
    steps = run.folder.parent.parent / "steps"
    return {folder.name.rpartition("-")[2]: folder for folder in steps.glob("*-*")}


def difference_of(
    first: Row, second: Row, folders: Sequence[Mapping[str, Path]]
) -> Difference | None:
    """The paired difference; None where the prompts are not the same, or the replies are gone, or
    the number is not one of single replies."""
    places = [own.get(row.step[:16]) for own, row in zip(folders, (first, second), strict=True)]
    one, other = places
    if one is None or other is None or asked(one) != asked(other):
        return None
    try:
        return paired_difference(
            scored(one, first.metric, first.arm), scored(other, second.metric, second.arm)
        )
    except DataError:
        return None


def asked(folder: Path) -> object:
    """What decides which prompts a step asked: its source, and these settings."""
    identity = read_json(folder / "manifest.json")["identity"]
    settings = {name: identity["settings"].get(name) for name in ASKED}
    return identity["name"], identity["inputs"].get("data"), settings


def adjusted(compared: Sequence[Compared]) -> list[Compared]:
    """With Holm's p, over all differences."""
    adjustments = iter(holm([pair.difference.p for pair in compared if pair.difference]))
    return [
        dataclasses.replace(pair, p_adjusted=next(adjustments)) if pair.difference else pair
        for pair in compared
    ]


def lines_of(numbers: Sequence[Compared]) -> Iterator[dict[str, Any]]:
    """The numbers as JSON objects."""
    for pair in numbers:
        first, second, change = pair.first, pair.second, pair.difference
        yield {
            "model": first.model.name,
            "seeds": [first.seed, second.seed],
            "defense": first.defense,
            "defense_step": first.defense_step,
            "evaluation": first.evaluation,
            "arm": first.arm,
            "metric": first.metric,
            "first": dataclasses.asdict(first.estimate),
            "second": dataclasses.asdict(second.estimate),
            "difference": dataclasses.asdict(change) if change else None,
            "p_adjusted": pair.p_adjusted,
        }
