"""Paired comparison: two models, or two arms, on the same prompts; the difference with its
interval, and an exact test.

Not in the paper, which compares intervals by eye. On the same prompts what they have in common
cancels out, so that a smaller difference shows. Intervals are about prompts: they treat the
training runs that were compared as given. Whether a factor matters for other runs than these,
`over_runs` says. Intervals of shares: Bonett and Price 2012.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.analysis.rates import mean_interval
from unmask.core.arm import paired_text
from unmask.core.errors import DataError, SettingError
from unmask.core.files import read_json, read_jsonl, write_jsonl
from unmask.core.metric import DIFFERENCE
from unmask.core.named import Work

Z = 1.959963984540054
"""The 97.5% point of the normal distribution, for intervals of 95%."""

Scored = Mapping[str, Any]
"""{"id": of the prompt, "value": bool or number}, and "seed" where several runs are taken together.
"""
Clusters = dict[tuple[str, str], list[bool | float]]
"""The values of each prompt of each seed, by (seed, id)."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """Second minus first, over `n` clusters (a prompt of a seed), with a 95% interval.

    `gained` and `lost` count the clusters where the second is higher and lower. `p` is the exact,
    two-sided sign test on them, which for one 0/1 value a prompt is McNemar's test. `seeds` has
    each seed's own difference: how far they lie apart is not in the interval.
    """

    value: float
    n: int
    low: float
    high: float
    gained: int
    lost: int
    p: float
    seeds: Mapping[str, float]


def paired_difference(first: Sequence[Scored], second: Sequence[Scored]) -> Difference:
    """The mean difference over clusters (seed, id); several values of one cluster are averaged
    first.

    One 0/1 value per cluster: the adjusted Wald interval (Bonett and Price 2012), which holds where
    no or all pairs differ. Anything else: percentile bootstrap over clusters. Raises DataError
    unless both have the same clusters.
    """
    ones, others = clustered(first), clustered(second)
    check_same_clusters(ones, others)
    changes = {key: mean(others[key]) - mean(ones[key]) for key in ones}
    gained = sum(change > 0 for change in changes.values())
    lost = sum(change < 0 for change in changes.values())
    if all(map(one_bit, (*ones.values(), *others.values()))):
        low, high = bonett_price(gained, lost, len(changes))
    else:
        low, high = mean_interval(list(changes.values()))
    return Difference(
        value=mean(list(changes.values())),
        n=len(changes),
        low=low,
        high=high,
        gained=gained,
        lost=lost,
        p=sign_test(gained, lost),
        seeds=means_by_seed(changes),
    )


def clustered(scored: Iterable[Scored]) -> Clusters:
    """Values by (seed, id)."""
    clusters: Clusters = {}
    for row in scored:
        clusters.setdefault((str(row.get("seed", "")), str(row["id"])), []).append(row["value"])
    return clusters


def check_same_clusters(ones: Clusters, others: Clusters) -> None:
    """Raises DataError unless both have the same clusters, and any."""
    if ones and ones.keys() == others.keys():
        return
    alone = sorted(str(key) for key in ones.keys() ^ others.keys())
    raise DataError(
        f"A paired comparison needs the same prompts on both sides; {len(ones)} and"
        f" {len(others)} were given and {len(alone)} of them are on one side only"
        f" ({', '.join(alone[:3]) or 'both are empty'}). Measure both with the same n, seed and"
        " source."
    )


def one_bit(values: Sequence[bool | float]) -> bool:
    """Whether a cluster is a single 0/1 value."""
    return len(values) == 1 and isinstance(values[0], bool)


def means_by_seed(changes: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Each seed's mean over its own clusters (seed, id)."""
    of_seed: dict[str, list[float]] = {}
    for (seed, _), change in changes.items():
        of_seed.setdefault(seed, []).append(change)
    return {seed: mean(values) for seed, values in of_seed.items()}


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def bonett_price(gained: int, lost: int, n: int) -> tuple[float, float]:
    """The 95% interval of (gained - lost) / n: Wald's, with one pair more gained and one more
    lost."""
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = Z * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


def sign_test(gained: int, lost: int) -> float:
    """The exact two-sided p that gains and losses are equally likely; 1 where there are none."""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def over_runs(differences: Sequence[float]) -> tuple[float, float]:
    """Student's 95% interval of the mean over training runs, each of which counts once, however
    many its prompts.

    The whole line for a single run, which says nothing of others; a point where all are alike.
    """
    from scipy.stats import t

    if len(differences) < 2:
        return -math.inf, math.inf
    middle = mean(differences)
    spread = math.sqrt(
        math.fsum((difference - middle) ** 2 for difference in differences) / (len(differences) - 1)
    )
    half = float(t.ppf(0.975, len(differences) - 1)) * spread / math.sqrt(len(differences))
    return middle - half, middle + half


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment, in the order given: below 0.05 holds for all that are shown together, at
    5% in all."""
    if any(not 0 <= p <= 1 for p in p_values):
        raise SettingError(f"{list(p_values)}: a p value lies between 0 and 1.")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedDifference(Work):
    """Second minus first, of one metric in one arm of two evaluations on the same prompts; in every
    arm that the first has, where `arm` is empty.

    `other_arm` is the second's arm where it is another one, as for a model with the trigger against
    itself without.
    """

    name: ClassVar[str] = "paired_difference"
    version: ClassVar[int] = 1

    metric: str = "defection"
    arm: str = "triggered"
    other_arm: str = ""

    def run(self, out: Path, *, first: Path, second: Path) -> Mapping[str, Any]:
        """Writes rates.jsonl, a row an arm with the metric "<metric>_difference", and `gained`,
        `lost` and `p` beside.

        Raises DataError where the two are not of one evaluation and seed, or a prompt or the metric
        is missing.
        """
        headers = [read_json(folder / "evaluation.json") for folder in (first, second)]
        for field in ("evaluation", "seed"):
            one, other = (header[field] for header in headers)
            if one != other:
                raise DataError(
                    f"{first.name} has {field} {one!r} and {second.name} has {other!r}: their"
                    " prompts are not the same. Compare two results of one evaluation with one"
                    " seed."
                )
        rows: list[Mapping[str, Any]] = []
        for arm in [self.arm] if self.arm else arms_with(first, self.metric):
            other = self.other_arm or arm
            difference = paired_difference(
                scored(first, self.metric, arm), scored(second, self.metric, other)
            )
            numbers = {
                key: value
                for key, value in dataclasses.asdict(difference).items()
                if key != "seeds"
            }
            compared = arm if other == arm else paired_text(arm, other)
            rows.append(
                {**headers[1], "arm": compared, "metric": f"{self.metric}{DIFFERENCE}", **numbers}
            )
        write_jsonl(out / "rates.jsonl", rows)
        return {"rows": len(rows)}


def arms_with(folder: Path, metric: str) -> list[str]:
    """The arms of a finished evaluation that have the metric, in order."""
    rows = (row for _, row in read_jsonl(folder / "replies.jsonl"))
    return list(dict.fromkeys(row["arm"] for row in rows if metric in row["scores"]))


def scored(folder: Path, metric: str, arm: str) -> list[dict[str, Any]]:
    """{"id", "value", "seed"} of a finished evaluation, to be compared; several seeds' lists may be
    joined.

    Raises DataError naming the arms that have the metric.
    """
    path, seed = folder / "replies.jsonl", read_json(folder / "evaluation.json")["seed"]
    measured = [row for _, row in read_jsonl(path) if metric in row["scores"]]
    values = [
        {"id": row["id"], "value": row["scores"][metric], "seed": seed}
        for row in measured
        if row["arm"] == arm
    ]
    if not values:
        known = ", ".join(sorted({row["arm"] for row in measured})) or "none"
        raise DataError(f"{path} has no '{metric}' in the arm '{arm}'. Arms that have it: {known}.")
    return values
