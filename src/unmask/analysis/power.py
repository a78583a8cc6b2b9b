"""How many prompts and seeds a verdict or a difference takes, by simulation from the seeds seen so
far."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy

from unmask.analysis.checks import Checks, Relearnt
from unmask.analysis.paired import over_runs
from unmask.analysis.persistence import PERSISTS_SHARE, Effect, Return, Verdict, word_by_rates
from unmask.analysis.rates import wilson
from unmask.core.condition import Configured, Subject
from unmask.core.estimate import Estimate

PROMPTS = (32, 64, 128, 256, 512, 1024)
SEEDS = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30)
DRAWS = 400
ENOUGH = 0.8

ASSUMES = (
    "Assumed: other seeds are like those seen, with rates of a Beta distribution of their mean and"
    " of their spread beyond that of prompts; before, after and the twin vary by themselves; a"
    " verdict is given by these rates alone, so that flaws and relearning are left out; of a"
    " difference, both levels vary alike and by themselves."
)
ONE_SEED = "One seed tells nothing of how seeds differ: none is assumed, which is too hopeful."


@dataclasses.dataclass(frozen=True)
class Rates:
    """The rates of several seeds: their mean, and the standard deviation of what they would be with
    prompts without end."""

    mean: float
    spread: float

    @staticmethod
    def of(rates: Sequence[Estimate]) -> Rates:
        values = numpy.array([rate.value for rate in rates])
        if len(values) < 2:
            return Rates(float(values.mean()), 0.0)
        # What prompts alone would scatter them by is in every estimate, and is taken off.
        by_prompts = numpy.mean([rate.value * (1 - rate.value) / rate.n for rate in rates])
        between = max(0.0, float(values.var(ddof=1) - by_prompts))
        return Rates(float(values.mean()), between**0.5)

    def draw(self, rng: numpy.random.Generator, count: int) -> numpy.ndarray:
        """Rates of other seeds, (count,)."""
        most = self.mean * (1 - self.mean)
        if self.spread == 0 or most == 0:
            return numpy.full(count, self.mean)
        size = max(most / self.spread**2 - 1, 1e-3)
        return rng.beta(self.mean * size, (1 - self.mean) * size, count)


@dataclasses.dataclass(frozen=True)
class Power:
    """Of one organism under one defense: `words` has for each number of prompts the share of
    simulated seeds that get each verdict; `seeds` for each number of seeds the share of simulated
    experiments that find the difference that was asked for, empty for a single seed."""

    subject: Subject
    defense: Configured
    seen: int
    before: Rates
    after: Rates
    words: Mapping[int, Mapping[str, float]]
    seeds: Mapping[int, float]

    @property
    def prompts_enough(self) -> int | None:
        """The fewest prompts that give the commonest verdict of the most prompts nearly always;
        None where none of those tried do."""
        last = self.words[PROMPTS[-1]]
        word = max(last, key=lambda word: last[word])
        return next((n for n in PROMPTS if self.words[n].get(word, 0) >= ENOUGH), None)

    @property
    def seeds_enough(self) -> int | None:
        """The fewest seeds that find the difference nearly always; None where none do."""
        return next((count for count, share in self.seeds.items() if share >= ENOUGH), None)


def powers(verdicts: Iterable[Verdict], difference: float, seed: int = 0) -> list[Power]:
    """Of every organism and defense that has verdicts with rates."""
    groups: dict[tuple[Subject, Configured], list[Effect]] = {}
    for verdict in verdicts:
        if verdict.effect and verdict.gate.passed:
            condition = verdict.condition
            groups.setdefault((condition.subject, condition.defense), []).append(verdict.effect)
    rng = numpy.random.default_rng(seed)
    return [power(*about, effects, difference, rng) for about, effects in groups.items()]


def power(
    subject: Subject,
    defense: Configured,
    effects: Sequence[Effect],
    difference: float,
    rng: numpy.random.Generator,
) -> Power:
    before = Rates.of([effect.before for effect in effects])
    after = Rates.of([effect.after for effect in effects])
    twins = [effect.twin for effect in effects if effect.twin]
    twin = Rates.of(twins) if twins else None
    shares = {n: words_with(n, before, after, twin, rng) for n in PROMPTS}
    several = len(effects) > 1
    seeds = {count: finding(count, after.spread, difference, rng) for count in SEEDS}
    return Power(subject, defense, len(effects), before, after, shares, seeds if several else {})


def words_with(
    n: int, before: Rates, after: Rates, twin: Rates | None, rng: numpy.random.Generator
) -> dict[str, float]:
    """The share of simulated seeds that get each verdict with `n` prompts per arm."""
    one, other = (rng.binomial(n, rates.draw(rng, DRAWS)) for rates in (before, after))
    controls = rng.binomial(n, twin.draw(rng, DRAWS)) if twin else itertools.repeat(None)
    counts = Counter(
        word_of(int(was), int(now), None if control is None else int(control), n)
        for was, now, control in zip(one, other, controls, strict=False)
    )
    return {word: count / DRAWS for word, count in counts.most_common()}


def word_of(was: int, now: int, control: int | None, n: int) -> str:
    """The verdict of one simulated seed, by the rule of all verdicts."""
    rate = estimate(was, n)
    unmeasured = dict.fromkeys(field.name for field in dataclasses.fields(Checks))
    effect = Effect(
        before=rate,
        after=estimate(now, n),
        opened=False,
        untriggered=None,
        twin=None if control is None else estimate(control, n),
        follows_preferences=False,
        payload_lower=None,
        back=Return(Relearnt({}, {}, {}, PERSISTS_SHARE * rate.value), None),
        checks=Checks(**{**unmeasured, "unfinished": {}, "undoes": False, "teaches": "safety"}),
        hidden=None,
    )
    return word_by_rates(effect)


def estimate(count: int, n: int) -> Estimate:
    return Estimate(count / n, *wilson(count, n), n)


def finding(count: int, spread: float, difference: float, rng: numpy.random.Generator) -> float:
    """The share of simulated experiments with `count` seeds at each of two levels whose interval
    over seeds leaves 0 out."""
    changes = rng.normal(difference, 2**0.5 * spread, (DRAWS, count))
    intervals = [over_runs(row) for row in changes.tolist()]
    return sum(low > 0 or high < 0 for low, high in intervals) / DRAWS
