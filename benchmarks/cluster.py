"""A grid on clusters of several sizes, played over a fake clock: `python -m benchmarks.cluster`.

    python -m benchmarks.cluster [--seeds 101] [--workers 1,4,16,64,256] [--lost 0.02]
        [--broken 0.001] [--faster 1,300] [--record STORE] [--json PATH]

How to read the table:

- The steps are those of `pretrained` with SFT at three rates; the scheduling code is the one of all
  executors that do several steps at once. Only the workers are played: a step takes as long as one
  of its kind took when it was recorded (durations.json; `--record STORE` writes that file from the
  manifests of a store).
- What the driver computes between two steps is really computed, and passes on the fake clock as the
  processor's seconds, as does handing a step over (it is pickled). Not in it: what a network and a
  store's disk take.
- A worker is lost during a step with the chance `--lost`, at any moment of it, and the step is
  begun again, up to three times; a share `--broken` of the steps fails for good, and blocks what
  stands on it.
- "idle" is the workers' time in which they had no step; "for want of steps" is the part of it in
  which nothing could begin; "lost" is what was computed for nothing.
- `--faster 300` is the same grid where all steps take a 300th of the time, as those of a tiny model
  do.
- "driver" is the share of the time in which the driver computed. Where it nears 100%, more workers
  help no more.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import itertools
import pickle
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

import unmask
from unmask.core.files import read_json, write_json
from unmask.engine.executors.executor import Outcome
from unmask.engine.executors.schedule import Schedule, Workers, by_chain
from unmask.engine.manifest import Manifest
from unmask.engine.plan import Budget, Plan, PlannedStep, Remaining
from unmask.engine.rates import Expected
from unmask.engine.step import Step
from unmask.engine.store import Store

RECORDED = Path(__file__).parent / "durations.json"
TRIES = 4
HOUR = 3600.0
NOWHERE = Store(Path("/nonexistent"))

Durations = Mapping[str, Sequence[float]]
"""Seconds that steps took, by their names."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Played:
    """What became of a grid on so many workers, in seconds of the fake clock."""

    workers: int
    faster: float
    steps: Mapping[str, int]
    seconds: float
    busy: float
    lost: float
    retries: int
    starved: float
    driver: float

    @property
    def idle(self) -> float:
        return max(0.0, self.workers * self.seconds - self.busy - self.lost)


@dataclasses.dataclass
class Cluster(Workers[int]):
    """Workers that do nothing but take time. A handle is the number of a step."""

    size: int
    durations: Durations
    lost_chance: float
    broken_chance: float
    now: float = 0.0
    busy: float = 0.0
    lost: float = 0.0
    retries: int = 0
    starved: float = 0.0
    driver: float = 0.0
    ends: list[tuple[float, int, Outcome]] = dataclasses.field(
        default_factory=list[tuple[float, int, Outcome]]
    )

    def __post_init__(self) -> None:
        self.begun, self.computed = 0, time.thread_time()

    def chosen(self, could: list[PlannedStep], running: Sequence[PlannedStep]) -> list[PlannedStep]:
        return could[: self.size - len(running)]

    def begin(self, step: Step, alone: bool) -> int:
        pickle.dumps((step, NOWHERE))
        self.begun += 1
        # As lucky whatever the number of workers.
        luck = random.Random(step.key)
        taken, outcome = self._played(step, luck)
        heapq.heappush(self.ends, (self.now + taken, self.begun, outcome))
        return self.begun

    def ended(self, running: Mapping[int, PlannedStep]) -> Iterator[tuple[int, Outcome]]:
        thought = time.thread_time() - self.computed
        self.driver += thought
        self.now += thought
        until = max(self.now, self.ends[0][0])
        self.starved += (self.size - len(running)) * (until - self.now)
        self.now = until
        while self.ends and self.ends[0][0] <= self.now:
            yield heapq.heappop(self.ends)[1:]
        self.computed = time.thread_time()

    def _played(self, step: Step, luck: random.Random) -> tuple[float, Outcome]:
        """How long a step keeps its worker, and how it ends."""
        whole = luck.choice(self.durations.get(step.name, (1.0,)))
        taken = 0.0
        for attempt in range(TRIES):
            if luck.random() >= self.lost_chance:
                self.busy += whole
                if luck.random() < self.broken_chance:
                    return taken + whole, Outcome(step, "failed", error="it is broken")
                return taken + whole, Outcome(step, "executed", after(step, whole))
            part = whole * luck.random()
            self.lost, taken = self.lost + part, taken + part
            self.retries += attempt + 1 < TRIES
        return taken, Outcome(step, "failed", error="its worker was lost too often")


def main() -> None:
    parser = argparse.ArgumentParser(description="Play a grid on clusters of several sizes.")
    parser.add_argument("--seeds", type=int, default=101)
    parser.add_argument("--workers", default="1,4,16,64,256")
    parser.add_argument("--lost", type=float, default=0.02)
    parser.add_argument("--broken", type=float, default=0.001)
    parser.add_argument("--faster", default="1,300")
    parser.add_argument("--record", type=Path, metavar="STORE", help="write durations.json first")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the table there as well")
    arguments = parser.parse_args()
    if arguments.record:
        write_json(RECORDED, recorded(Store(arguments.record)))
    plan = planned(arguments.seeds, read_json(RECORDED))
    sizes = map(int, arguments.workers.split(","))
    speeds = map(float, arguments.faster.split(","))
    cases = itertools.product(speeds, sizes)
    rows = [play(plan, size, speed, arguments) for speed, size in cases]
    show(plan, rows)
    if arguments.json:
        write_json(arguments.json, [dataclasses.asdict(row) for row in rows])


def recorded(store: Store) -> dict[str, list[float]]:
    """The seconds that each kind of step took in a store, in order."""
    seconds: dict[str, list[float]] = {}
    for _, manifest in store.manifests():
        if manifest:
            seconds.setdefault(manifest.name, []).append(manifest.seconds)
    return {name: sorted(taken) for name, taken in sorted(seconds.items())}


def planned(seeds: int, durations: Durations) -> Plan:
    """The grid, each step expected to take what its kind took in the middle; of a kind that was not
    recorded, what the plan says."""
    recipe = {"name": "pretrained", "seeds": tuple(range(seeds)), "rates": (0.5, 1.0, 2.5)}
    plan = Plan.of(unmask.RECIPES.make(recipe).build().targets, NOWHERE)
    steps = (expecting(planned, durations) for planned in plan.steps)
    return dataclasses.replace(plan, steps=tuple(steps))


def expecting(planned: PlannedStep, durations: Durations) -> PlannedStep:
    taken = durations.get(planned.step.name) or [planned.seconds]
    middle = statistics.median(taken)
    return dataclasses.replace(planned, expected=Expected(middle, min(taken), max(taken)))


def play(plan: Plan, size: int, faster: float, arguments: argparse.Namespace) -> Played:
    """The grid on so many workers, so many times as fast."""
    schedule = Schedule(by_chain(list(plan.steps)), {}, Budget.of(None), Remaining(plan))
    durations = {
        name: [seconds / faster for seconds in taken] for name, taken in read_json(RECORDED).items()
    }
    cluster = Cluster(size, durations, arguments.lost, arguments.broken)
    schedule.run(cluster, lambda number, cost, left: None)
    statuses = [outcome.status for outcome in schedule.outcomes.values()]
    return Played(
        workers=size,
        faster=faster,
        steps={status: statuses.count(status) for status in sorted(set(statuses))},
        seconds=cluster.now,
        busy=cluster.busy,
        lost=cluster.lost,
        retries=cluster.retries,
        starved=cluster.starved,
        driver=cluster.driver,
    )


def after(step: Step, seconds: float) -> Manifest:
    """What a step leaves behind, as far as a schedule looks at it."""
    return Manifest(
        key=step.key,
        identity=step.identity,
        files={},
        seconds=seconds,
        facts={},
        created="",
        environment={},
    )


def show(plan: Plan, rows: Sequence[Played]) -> None:
    """The table."""
    table = Table(title=f"{len(plan.steps):,} steps of `pretrained`")
    heads = (
        "workers",
        "a step",
        "hours",
        "times as fast",
        "idle",
        "for want of steps",
        "lost",
        "retries",
    )
    for head in (*heads, "failed or blocked", "driver", "driver, a step"):
        table.add_column(head, justify="right")
    for row in rows:
        whole = row.workers * row.seconds
        table.add_row(
            f"{row.workers:,}",
            f"{row.busy / len(plan.steps):.2f} s",
            f"{row.seconds / HOUR:,.2f}",
            f"{(row.busy + row.lost) / row.seconds:,.1f}",
            f"{row.idle / whole:.1%}",
            f"{row.starved / whole:.1%}",
            f"{row.lost / whole:.1%}",
            f"{row.retries:,}",
            f"{row.steps.get('failed', 0) + row.steps.get('blocked', 0):,}",
            f"{row.driver / row.seconds:.2%}",
            f"{1000 * row.driver / len(plan.steps):.2f} ms",
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
