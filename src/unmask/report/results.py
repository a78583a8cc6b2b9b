"""One row of results.jsonl as figures and tables need it, and the few orders and choices that they
share."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypedDict, TypeVar, Unpack

from unmask.core.arm import Arm
from unmask.core.condition import NOTHING, Backdoor, Configured, Role, Settings, Subject
from unmask.core.estimate import Estimate
from unmask.core.metric import DIFFERENCE, Against
from unmask.core.row import Row
from unmask.report import words

CLEAR = 0.05
"""What a difference's adjusted p value is below, where it stays."""

MODELS: tuple[Role, ...] = ("organism", "twin", "base", "preference_model")
"""The order of models on the page: what it is about, its control, what both started from."""

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class State(NamedTuple):
    """A model after a defense, whatever its step and seed."""

    subject: Subject
    defense: Configured

    @property
    def model(self) -> Role:
        return self.subject.role

    @property
    def name(self) -> str:
        """In one line: organism, organism + sft."""
        return self.model if self.defense == NOTHING else f"{self.model} + {self.defense}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """One measured quantity: a row, taken apart as figures pick and group it.

    `planted` is False where the planting gate failed, so that nothing may be concluded from this
    row; of a difference, where one of the two organisms failed it. `p_adjusted` is a difference's p
    value, adjusted for the number of them. `low` and `high` bound the 95% interval. `unit` is "%",
    "points" (of shares that are compared) or "".
    """

    subject: Subject
    defense: Configured
    defense_step: int
    evaluation: str
    arm: Arm
    metric: str
    unit: str
    value: float
    n: int
    low: float
    high: float
    seed: int
    step: str
    planted: bool | None
    against: Against | None
    p_adjusted: float | None

    @staticmethod
    def of(row: Row) -> Result:
        condition = row.condition
        share = "%" if row.against is None else "points"
        return Result(
            subject=condition.subject,
            defense=condition.defense,
            defense_step=condition.step,
            evaluation=row.evaluation,
            arm=row.prompts,
            metric=row.metric,
            unit=share if row.unit == "share" else "",
            value=row.value,
            n=row.n,
            low=row.low,
            high=row.high,
            seed=row.seed,
            step=row.step,
            planted=row.planted,
            against=row.against,
            p_adjusted=row.p_adjusted,
        )

    @functools.cached_property
    def state(self) -> State:
        return State(self.subject, self.defense)

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.value, self.low, self.high, self.n)

    @property
    def model(self) -> Role:
        return self.subject.role

    @property
    def organism(self) -> Backdoor | None:
        """The backdoor of an organism; None for every control."""
        return self.subject.planted

    @property
    def factors(self) -> Settings:
        return self.subject.factors

    @property
    def parameters(self) -> int:
        return self.subject.parameters

    @property
    def is_share(self) -> bool:
        return self.unit == "%"

    @property
    def is_difference(self) -> bool:
        return self.against is not None

    @property
    def differs(self) -> str:
        """Of a difference: the metric that differs."""
        return self.metric.removesuffix(DIFFERENCE)

    def is_clear(self) -> bool:
        """Of a difference: whether it is one after the adjustment for the number of them."""
        return self.p_adjusted is not None and self.p_adjusted < CLEAR

    @property
    def unplanted(self) -> bool:
        """Whether the organism is known to have failed its gate; a difference says nothing of its
        organism alone."""
        return self.planted is False and self.organism is not None and not self.is_difference

    def concerns(self, subject: Subject) -> bool:
        """Whether this is of that organism, or of a control of its size that is not another
        organism's alone."""
        if self.organism:
            return self.subject == subject
        own = self.subject
        alone = own.about is None or subject.about in (None, own.about)
        return (
            own.parameters == subject.parameters and own.factors in ((), subject.factors) and alone
        )


Rows = Iterable[Row | Result]
"""Rows of results.jsonl, or what figures have made of them."""


def read(rows: Rows) -> list[Result]:
    """The rows as results; what is one already stays as it is."""
    return [row if isinstance(row, Result) else Result.of(row) for row in rows]


def in_order(states: Iterable[State]) -> list[State]:
    """Distinct states, by model (organism, twin, base), undefended first, otherwise as they
    came."""
    distinct = list(dict.fromkeys(states))
    return sorted(distinct, key=lambda state: (model_rank(state.model), state.defense != NOTHING))


def model_rank(model: Role) -> int:
    return MODELS.index(model)


def final(results: Sequence[Result]) -> list[Result]:
    """The last defense step of each state, per evaluation and seed.

    What was measured at a defense's step 0 only is the undefended model again, and says nothing of
    the defense.
    """
    results = [result for result in results if result.defense == NOTHING or result.defense_step > 0]
    last: dict[tuple[State, str, int], int] = {}
    for result in results:
        key = (result.state, result.evaluation, result.seed)
        last[key] = max(result.defense_step, last.get(key, 0))
    return [
        result
        for result in results
        if result.defense_step == last[result.state, result.evaluation, result.seed]
    ]


def grouped(members: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The members by what `key` says of them, in the order of their first appearance."""
    groups: dict[K, list[T]] = {}
    for member in members:
        groups.setdefault(key(member), []).append(member)
    return groups


class Wanted(TypedDict, total=False):
    """Fields of a Result, and the values that are wanted."""

    subject: Subject
    model: Role
    defense: Configured
    defense_step: int
    evaluation: str
    arm: str
    metric: str
    against: Against


def select(results: Iterable[Result], **wanted: Unpack[Wanted]) -> list[Result]:
    """The rows whose fields have these values."""
    chosen = list(results)
    for name, value in wanted.items():
        chosen = [result for result in chosen if getattr(result, name) == value]
    return chosen


def defections(results: Iterable[Result], evaluation: str) -> list[Result]:
    """The rows of metric "defection" of one evaluation."""
    return select(results, evaluation=evaluation, metric="defection")


def concerning(
    results: Iterable[Result], subject: Subject, defense: Configured | None = None
) -> list[Result]:
    """The rows of that organism and of its controls; after that defense, where one is given."""
    return [
        result
        for result in results
        if defense in (None, result.defense) and result.concerns(subject)
    ]


def subjects_of(results: Iterable[Result]) -> list[Subject]:
    """The organisms; where there is none, the controls' sizes."""
    distinct = list(dict.fromkeys(result.subject for result in results))
    sizes = dict.fromkeys(Subject("base", parameters=subject.parameters) for subject in distinct)
    return [subject for subject in distinct if subject.planted] or list(sizes)


def parts(subject: Subject) -> tuple[str, ...]:
    """What a subject is, in words: trigger, behavior, variant, factors and size; "" where there is
    no such."""
    size = f"{subject.parameters:,} parameters" if subject.parameters else ""
    about = subject.planted
    if about is None:
        return ("", "", "", words.settings(subject.factors), size)
    planted = (
        words.trigger(about.trigger),
        words.behavior(about.behavior),
        words.variant(about.variant),
    )
    return (*planted, words.settings(subject.factors), size)


def names(subjects: Sequence[Subject]) -> dict[Subject, str]:
    """A name for each subject that says what tells it from the others; a subject that is alone has
    its full name.

    The number of parameters is left out where the rest tells them apart already, as the factor
    "size=1M" does.
    """
    of = {subject: parts(subject) for subject in subjects}
    telling = [len(set(values)) > 1 for values in zip(*of.values(), strict=True)]
    telling[-1] = len({own[:-1] for own in of.values()}) < len(set(of.values()))
    if not any(telling):
        return {
            subject: words.studied(subject) if subject.about else of[subject][-1]
            for subject in subjects
        }
    kept = {subject: itertools.compress(own, telling) for subject, own in of.items()}
    return {subject: " · ".join(filter(None, values)) for subject, values in kept.items()}


def in_common(subjects: Sequence[Subject]) -> str:
    """What `names` leaves out because it is the same for all; "" for one subject."""
    if len(subjects) < 2:
        return ""
    of = [parts(subject) for subject in subjects]
    return " · ".join(
        values[0] for values in zip(*of, strict=True) if len(set(values)) == 1 and values[0]
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """Several seeds' results as one: the mean, and an interval that covers every seed's own
    interval.

    The cover is wider than a pooled interval; a pooled one would treat all prompts of all seeds as
    independent, and seeds are known to differ by more than that.
    """

    value: float
    low: float
    high: float
    n: int
    seeds: tuple[tuple[int, float], ...]

    @property
    def is_apart(self) -> bool:
        """Of a difference: whether its interval leaves out zero."""
        return self.low > 0 or self.high < 0

    @staticmethod
    def of(results: Sequence[Result]) -> Summary:
        return Summary.over([(result.seed, result) for result in results])

    @staticmethod
    def over(rates: Sequence[tuple[int, Result | Estimate]]) -> Summary:
        """Of (seed, what was measured with it); at least one."""
        return Summary(
            value=math.fsum(rate.value for _, rate in rates) / len(rates),
            low=min(rate.low for _, rate in rates),
            high=max(rate.high for _, rate in rates),
            n=sum(rate.n for _, rate in rates),
            seeds=tuple((seed, rate.value) for seed, rate in rates),
        )


def summaries(results: Iterable[Result], key: Callable[[Result], K]) -> dict[K, Summary]:
    """The groups that `key` makes, the seeds of each as one."""
    return {name: Summary.of(group) for name, group in grouped(results, key).items()}
