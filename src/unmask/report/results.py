"""One row of results.jsonl, read and checked, and the few orders and choices that figures and tables share."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from unmask.core.errors import DataError

MODELS = ("organism", "twin", "base")
"""The order of models on the page: what it is about, its control, what both started from."""

SHARES = (
    "defection",
    "accuracy",
    "harmless",
    "complied",
    "finished",
    "rate",
    "share",
    "payload_lower",
    "attack_success",
    "found_trigger",
    "about_deployment",
    "about_goal",
    "_acts",
    "_refrains",
    "follows",
    "taken",
    "matches",
    "probability",
    "sampled",
    "mass",
    "passed",
    "parsed",
)
"""A metric whose name ends in one of these is a share between 0 and 1, shown in percent."""

DIFFERENCE = "_difference"
"""How the name of a paired difference ends; what stands before it is the metric that differs."""

AGAINST = "against"
"""The field, or factor, of a difference that says what it was measured against: "base", "twin" or "untriggered"."""

OPENED = ":opened"
"""How the name of an arm ends in which the scratchpad was opened for the model."""

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Subject(NamedTuple):
    """What was studied: one organism at one size, or a control, which may be one organism's alone."""

    organism: str
    factors: str
    parameters: int
    control_of: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        trigger, behavior, variant = self.organism.split("/") if self.organism else ("", "", "")
        size = f"{self.parameters:,} parameters" if self.parameters else ""
        return (trigger, behavior, variant, self.factors, size)


class State(NamedTuple):
    """A model after a defense, whatever its step and seed."""

    subject: Subject
    model: str
    defense: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """One measured quantity.

    `organism` is "trigger/behavior/variant", or "" for base and twin. `factors` are the settings that tell apart
    organisms of the same name, as "optimizer=sgd, near_misses=0". `control_of` names the organism
    of a twin likewise, "" where it is no one's alone. `low` and `high` bound the 95% interval.
    `planted` is False where the planting gate failed, so that nothing may be concluded from this row; of a difference,
    where one of the two organisms failed it. `p_adjusted` is a difference's p value, adjusted for the number of them.
    """

    organism: str
    factors: str
    model: str
    parameters: int
    control_of: str
    defense: str
    defense_step: int
    evaluation: str
    arm: str
    metric: str
    value: float
    n: int
    low: float
    high: float
    seed: int
    step: str
    planted: bool | None
    p_adjusted: float | None

    @functools.cached_property
    def subject(self) -> Subject:
        return Subject(self.organism, self.factors, self.parameters, self.control_of)

    @functools.cached_property
    def state(self) -> State:
        return State(self.subject, self.model, self.defense)

    @property
    def is_share(self) -> bool:
        return self.metric.endswith(SHARES) and 0 <= self.low <= self.high <= 1

    @property
    def unplanted(self) -> bool:
        """Whether the organism is known to have failed its gate; a difference says nothing of its organism alone."""
        return self.planted is False and bool(self.organism) and not self.metric.endswith(DIFFERENCE)

    @property
    def is_difference(self) -> bool:
        """A difference of two shares, in points."""
        return self.metric.endswith(DIFFERENCE) and self.metric.removesuffix(DIFFERENCE).endswith(SHARES)

    @property
    def unit(self) -> str:
        return "%" if self.is_share else "points" if self.is_difference else ""

    @property
    def against(self) -> str:
        """What this difference was measured against, as far as its factors say so; "" otherwise."""
        said = [part.partition("=") for part in self.factors.split(", ")]
        return next((value for name, _, value in said if name == AGAINST), "")

    def without_against(self) -> Result:
        """The same, as a result of the model itself, whatever it was measured against."""
        kept = [part for part in self.factors.split(", ") if part.partition("=")[0] != AGAINST]
        return dataclasses.replace(self, factors=", ".join(kept))

    def concerns(self, subject: Subject) -> bool:
        """Whether this is of that organism, or of a control of its size that is not another organism's alone."""
        if self.organism:
            return self.subject == subject
        same_size = self.parameters == subject.parameters
        return same_size and self.factors in ("", subject.factors) and self.control_of in ("", subject.organism)


Rows = Iterable[Mapping[str, Any] | Result]
"""Rows of results.jsonl, read or not."""


def read(rows: Rows) -> list[Result]:
    """The rows, checked; a row whose value is null (nothing to count) is left out, one that was read stays as it is.

    Raises DataError naming the row (from 1) and the field.
    """
    return [
        row if isinstance(row, Result) else _result(row, f"results row {i}")
        for i, row in enumerate(rows, 1)
        if isinstance(row, Result) or row.get("value", "") is not None
    ]


def _result(row: Mapping[str, Any], where: str) -> Result:
    model = _field(row, "model", Mapping, where)
    value = _number(row, "value", where)
    return Result(
        organism=organism_name(row, "organism", where),
        factors=_factors(row, where),
        model=_field(model, "name", str, f"{where}, model"),
        parameters=_field(model, "parameters", int, f"{where}, model"),
        control_of=organism_name(row, "control_of", where),
        defense=_field(row, "defense", str, where),
        defense_step=_field(row, "defense_step", int, where),
        evaluation=_field(row, "evaluation", str, where),
        arm=_field(row, "arm", str, where),
        metric=_field(row, "metric", str, where),
        value=value,
        n=_field(row, "n", int, where),
        low=_number(row, "low", where) if row.get("low") is not None else value,
        high=_number(row, "high", where) if row.get("high") is not None else value,
        seed=_field(row, "seed", int, where),
        step=_field(row, "step", str, where),
        planted=row.get("planted"),
        p_adjusted=_number(row, "p_adjusted", where) if row.get("p_adjusted") is not None else None,
    )


def _factors(row: Mapping[str, Any], where: str) -> str:
    """The settings that tell a row apart, and what its difference is against, which tells it apart likewise."""
    against = f"{AGAINST}={_field(row, AGAINST, str, where)}" if row.get(AGAINST) is not None else ""
    return ", ".join(part for part in (said_factors(row.get("factors"), where), against) if part)


def organism_name(row: Mapping[str, Any], field: str, where: str) -> str:
    """The organism in that field as "trigger/behavior/variant", "" for none. Raises DataError for anything else."""
    if row.get(field) is None:
        return ""
    organism = _field(row, field, Mapping, where)
    return "/".join(_field(organism, part, str, f"{where}, {field}") for part in ("trigger", "behavior", "variant"))


def said_factors(factors: Any, where: str) -> str:
    """A mapping of settings as "name=value, name=value"; "" for none. Raises DataError for anything else."""
    if not isinstance(factors, Mapping | None):
        raise DataError(f"{where}: field 'factors' is {factors!r}: it must be an object of settings and values.")
    return ", ".join(f"{name}={value}" for name, value in (factors or {}).items())


def _field(row: Mapping[str, Any], name: str, kind: type[T], where: str) -> T:
    value = row.get(name)
    if not isinstance(value, kind):
        given = "missing" if name not in row else repr(value)
        raise DataError(f"{where}: field '{name}' is {given}: it must be {_KINDS[kind]}.")
    return value


def _number(row: Mapping[str, Any], name: str, where: str) -> float:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        given = "missing" if name not in row else repr(value)
        raise DataError(f"{where}: field '{name}' is {given}: it must be a finite number.")
    return float(value)


_KINDS: dict[type, str] = {str: "text", int: "a whole number", Mapping: "an object"}


def arm_name(arm: str) -> str:
    """An arm as it is named on the page."""
    return arm.removeprefix("near_miss:").replace(OPENED, ", scratchpad opened").replace("_", " ")


def in_order(states: Iterable[State]) -> list[State]:
    """Distinct states, by model (organism, twin, base), undefended first, otherwise as they came."""
    distinct = list(dict.fromkeys(states))
    return sorted(distinct, key=lambda state: (model_rank(state.model), state.defense != "nothing"))


def model_rank(model: str) -> int:
    return MODELS.index(model) if model in MODELS else len(MODELS)


def final(results: Sequence[Result]) -> list[Result]:
    """The last defense step of each state, per evaluation and seed.

    What was measured at a defense's step 0 only is the undefended model again, and says nothing of the defense.
    """
    results = [result for result in results if result.defense == "nothing" or result.defense_step > 0]
    last: dict[tuple[State, str, int], int] = {}
    for result in results:
        key = (result.state, result.evaluation, result.seed)
        last[key] = max(result.defense_step, last.get(key, 0))
    return [r for r in results if r.defense_step == last[r.state, r.evaluation, r.seed]]


def grouped(results: Iterable[Result], key: Callable[[Result], K]) -> dict[K, list[Result]]:
    """The results by what `key` says of them, in the order of their first appearance."""
    groups: dict[K, list[Result]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return groups


def subjects(results: Iterable[Result]) -> list[Subject]:
    """The organisms; where there is none, the controls' sizes."""
    distinct = list(dict.fromkeys(result.subject for result in results))
    sizes = dict.fromkeys(Subject("", "", each.parameters) for each in distinct)
    return [each for each in distinct if each.organism] or list(sizes)


def names(found: Sequence[Subject]) -> dict[Subject, str]:
    """A name for each subject that says what tells it from the others; a subject that is alone has its full name.

    The number of parameters is left out where the rest tells them apart already, as the factor "size=1M" does.
    """
    told = [len(set(values)) > 1 for values in zip(*(each.parts for each in found), strict=True)]
    told[-1] = len({each.parts[:-1] for each in found}) < len({each.parts for each in found})
    if not any(told):
        told = [True, True, True, True, False]
    return {each: " · ".join(p for p, tells in zip(each.parts, told, strict=True) if tells and p) for each in found}


def in_common(found: Sequence[Subject]) -> str:
    """What `names` leaves out because it is the same for all; "" for one subject."""
    if len(found) < 2:
        return ""
    alike = [values[0] for values in zip(*(each.parts for each in found), strict=True) if len(set(values)) == 1]
    return " · ".join(part for part in alike if part)


def split_label(defense: str) -> tuple[str, dict[str, str]]:
    """A defense's label as name and settings: "sft (learning_rate=0.003)" is ("sft", {"learning_rate": "0.003"})."""
    name, _, rest = defense.partition(" (")
    pairs = (pair.partition("=") for pair in rest.removesuffix(")").split(", ") if rest)
    return name, {setting: value for setting, _, value in pairs}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """Several seeds' results as one: the mean, and an interval that covers every seed's own interval.

    The cover is wider than a pooled interval; a pooled one would treat all prompts of all seeds as independent, and
    seeds are known to differ by more than that.
    """

    value: float
    low: float
    high: float
    n: int
    seeds: tuple[tuple[int, float], ...]

    @staticmethod
    def of(results: Sequence[Result]) -> Summary:
        return Summary(
            value=math.fsum(result.value for result in results) / len(results),
            low=min(result.low for result in results),
            high=max(result.high for result in results),
            n=sum(result.n for result in results),
            seeds=tuple((result.seed, result.value) for result in results),
        )
