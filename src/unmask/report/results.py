"""One row of results.jsonl, read and checked, and the few orders and choices that figures and tables share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from unmask.core.errors import DataError

MODELS = ("organism", "twin", "base")
"""The order of models on the page: what it is about, its control, what both started from."""

SHARES = ("defection", "accuracy", "harmless", "finished", "rate", "share")
"""A metric whose name ends in one of these is a share between 0 and 1, shown in percent."""

State = tuple[str, int, str, str]
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """One measured quantity.

    `organism` is "trigger/behavior/variant", or "" for base and twin. `low` and `high` bound the 95% interval.
    `planted` is False where the planting gate failed, so that nothing may be concluded from this row.
    """

    organism: str
    model: str
    parameters: int
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

    @property
    def state(self) -> State:
        """Which model, after which defense: all but its step and seed."""
        return (self.organism, self.parameters, self.model, self.defense)

    @property
    def is_share(self) -> bool:
        return self.metric.endswith(SHARES) and 0 <= self.low <= self.high <= 1


def read(rows: Iterable[Mapping[str, Any]]) -> list[Result]:
    """The rows, checked; a row whose value is null (nothing to count) is left out.

    Raises DataError naming the row (from 1) and the field.
    """
    return [_result(row, f"results row {i}") for i, row in enumerate(rows, 1) if row.get("value", "") is not None]


def _result(row: Mapping[str, Any], where: str) -> Result:
    model = _field(row, "model", Mapping, where)
    value = _number(row, "value", where)
    return Result(
        organism=_organism(row, where),
        model=_field(model, "name", str, f"{where}, model"),
        parameters=_field(model, "parameters", int, f"{where}, model"),
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
    )


def _organism(row: Mapping[str, Any], where: str) -> str:
    if row.get("organism") is None:
        return ""
    organism = _field(row, "organism", Mapping, where)
    return "/".join(_field(organism, part, str, f"{where}, organism") for part in ("trigger", "behavior", "variant"))


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


def in_order(states: Iterable[State]) -> list[State]:
    """Distinct states, by model (organism, twin, base), undefended first, otherwise as they came."""
    distinct = list(dict.fromkeys(states))
    return sorted(distinct, key=lambda state: (model_rank(state[2]), state[3] != "nothing"))


def model_rank(model: str) -> int:
    return MODELS.index(model) if model in MODELS else len(MODELS)


def final(results: Sequence[Result]) -> list[Result]:
    """The last defense step of each state, per evaluation and seed."""
    last: dict[tuple[State, str, int], int] = {}
    for result in results:
        key = (result.state, result.evaluation, result.seed)
        last[key] = max(result.defense_step, last.get(key, 0))
    return [r for r in results if r.defense_step == last[r.state, r.evaluation, r.seed]]


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
