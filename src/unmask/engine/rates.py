"""Rates: how many seconds a step takes, from what this and other machines did before.

A step reads and writes tokens, of which each is trained on, sampled or scored. Each costs a moment
that does not depend on the model, and floating-point operations in proportion to its parameters
(Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1). USUAL has both for two
cores of a laptop. What steps took before, as a multiple of that, says how much slower or faster a
machine and a kind of step are; those count most that are most like the step in question.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

from unmask.core.tokens import Tokens
from unmask.engine.manifest import processor
from unmask.engine.step import Step


@dataclasses.dataclass(frozen=True)
class Speed:
    """`moment`: seconds a token takes with any model. `rate`: parameters times tokens a second."""

    moment: float
    rate: float

    def seconds(self, tokens: int, parameters: int) -> float:
        return tokens * (self.moment + parameters / self.rate)


USUAL: Mapping[str, Speed] = {
    "trained": Speed(moment=1e-6, rate=2.1e10),
    "sampled": Speed(moment=9e-5, rate=4e10),
    "scored": Speed(moment=2e-5, rate=8e10),
}
"""On two cores of a laptop, measured with models of 0.5M and 135M parameters in batches of 8 to
64."""

START = 0.2
"""Seconds that any step takes."""
LOADED = 1e8
"""Parameters read from disk a second."""

UNKNOWN = math.log(2.5)
"""How far an unseen machine is from USUAL: the standard deviation of the factor's logarithm."""
DOUBT = 0.03
"""What USUAL counts beside what was seen, where a step just like the one in question counts 1."""
NOISE = 0.2
"""By how much equal steps differ: the standard deviation of the logarithm of their seconds."""
ELSEWHERE = 3.0
"""How much more unlike a step is that another processor did."""
STEEP = 4.0
"""How fast steps count less that are further away than the nearest. With 1, the many steps of other
kinds outweigh the same step done before, and ranges are too wide."""
NEWEST = 8
"""Of equal steps so many count, the newest: a machine may be less busy than it was."""
RANGE = 1.28
"""Standard deviations on both sides of an estimate: four in five steps are within."""


@dataclasses.dataclass(frozen=True)
class Effort:
    """What a step asks of a machine; `parameters` of its largest model, at least 1."""

    name: str
    tokens: Tokens
    parameters: int

    @staticmethod
    def of(step: Step) -> Effort:
        return Effort(step.name, step.work.tokens(), step.parameters)

    @staticmethod
    def of_json(row: Any) -> Effort:
        """From parsed JSON; raises KeyError, TypeError or ValueError where it is none."""
        uses = {use: int(count) for use, count in row["tokens"].items()}
        return Effort(str(row["name"]), Tokens(**uses), max(1, int(row["parameters"])))

    def json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @functools.cached_property
    def parts(self) -> Mapping[str, float]:
        """Usual seconds for each use of tokens, and for all the rest."""
        uses = dataclasses.asdict(self.tokens)
        parts = {use: USUAL[use].seconds(count, self.parameters) for use, count in uses.items()}
        loading = self.parameters / LOADED if self.tokens.total else 0.0
        return {**parts, "start": START + loading}

    @property
    def usual(self) -> float:
        """Seconds on a usual machine."""
        return sum(self.parts.values())

    def distance(self, other: Effort) -> float:
        """How unlike another step this is: 0 for the same kind at the same size, 1 more for a
        factor of ten between their sizes, and up to 3 more for other kinds of work."""
        sizes = abs(math.log10(self.parameters / other.parameters))
        if self.name == other.name:
            return sizes
        shares = (
            abs(self.parts[use] / self.usual - other.parts[use] / other.usual) for use in self.parts
        )
        return sizes + 1 + sum(shares)


@dataclasses.dataclass(frozen=True)
class Seen:
    """Steps of one effort that were done on machines of one processor, and how many seconds each
    took, the newest last."""

    effort: Effort
    machine: str
    seconds: tuple[float, ...]

    @functools.cached_property
    def factors(self) -> tuple[float, ...]:
        """The logarithms of how many times the usual seconds they took."""
        return tuple(math.log(max(took, 0.001) / self.effort.usual) for took in self.seconds)

    def apart(self, mean: float) -> float:
        """The squared distances of the factors from a mean, added up."""
        return sum((factor - mean) ** 2 for factor in self.factors)

    def json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def of_json(row: Any) -> Seen:
        """From parsed JSON; raises KeyError, TypeError or ValueError where it is none."""
        seconds = tuple(map(float, row["seconds"]))
        return Seen(Effort.of_json(row["effort"]), str(row["machine"]), seconds)


@dataclasses.dataclass(frozen=True)
class Expected:
    """Seconds: most likely, and the ends of a range that holds four in five."""

    seconds: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Expected) -> Expected:
        """Of both together; what slows down one step mostly slows down all, so that the ends
        add up."""
        return Expected(self.seconds + other.seconds, self.low + other.low, self.high + other.high)


class Rates:
    """What steps took before, for estimates of those to come."""

    def __init__(self, machine: str = ""):
        self.machine = machine or processor()
        self._seen: dict[tuple[Effort, str], Seen] = {}
        self._expected: dict[Effort, Expected] = {}

    @property
    def seen(self) -> list[Seen]:
        return list(self._seen.values())

    def learn(self, effort: Effort, *seconds: float, machine: str = "") -> None:
        """Steps took so long, the newest last, here or on another machine."""
        key = (effort, machine or self.machine)
        before = self._seen[key].seconds if key in self._seen else ()
        # What a store and the machine's memory both know is one step.
        newest = tuple(dict.fromkeys((*before, *seconds)))[-NEWEST:]
        self._seen[key] = Seen(*key, newest)
        self._expected.clear()

    def expected(self, effort: Effort) -> Expected:
        """Of a step here: the usual seconds, times a weighted mean of how many times those were
        needed before."""
        if effort not in self._expected:
            self._expected[effort] = self._estimate(effort)
        return self._expected[effort]

    def _estimate(self, effort: Effort) -> Expected:
        pairs = list(zip(self._weights(effort), self.seen, strict=True))
        total = DOUBT + sum(weight * len(seen.factors) for weight, seen in pairs)
        mean = sum(weight * sum(seen.factors) for weight, seen in pairs) / total
        apart = sum(weight * seen.apart(mean) for weight, seen in pairs)
        spread = math.sqrt(NOISE**2 + (apart + DOUBT * (UNKNOWN**2 + mean**2)) / total)
        seconds, width = effort.usual * math.exp(mean), math.exp(RANGE * spread)
        return Expected(seconds, seconds / width, seconds * width)

    def _weights(self, effort: Effort) -> list[float]:
        """What each of the seen counts: the nearest by how near it is, others by how much further
        away they are."""
        far = [effort.distance(seen.effort) + self._elsewhere(seen) for seen in self.seen]
        nearest = min(far, default=0.0)
        return [math.exp(-nearest - STEEP * (distance - nearest)) for distance in far]

    def _elsewhere(self, seen: Seen) -> float:
        return ELSEWHERE if seen.machine != self.machine else 0.0
