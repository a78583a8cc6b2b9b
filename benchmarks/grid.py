"""What a grid costs before any of its work: `python -m benchmarks.grid`.

    python -m benchmarks.grid [--recipe paper:sft] [--seeds 10] [--kib 64] [--store DIR]
        [--json PATH]

The steps are a recipe's own, of so many seeds; the store is filled with as many results, each of a
file of `--kib` KiB (what 200 replies take), which are no results of the steps: only planning, and a
run that finds everything there, are timed. Seconds of the processor are beside those of the clock,
since other work on a machine changes them less. The first row is in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.toy import Timing, machine, show

import unmask
from unmask.core.files import write_json
from unmask.engine.executors.inline import Inline
from unmask.engine.plan import Budget, Plan
from unmask.engine.step import Step, ordered
from unmask.engine.store import Store
from unmask.recipes import memory

Value = TypeVar("Value")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the planning of a grid.")
    parser.add_argument("--recipe", default="paper:sft")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--kib", type=int, default=64)
    parser.add_argument("--store", type=Path, help="where the results may be already")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the table there as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unmask-bench-") as folder:
        store = Store(arguments.store or Path(folder) / "store")
        timings = measured(arguments, store)
    show(f"{arguments.recipe}, {arguments.seeds} seeds", timings)
    if arguments.json:
        rows = [vars(timing) for timing in timings]
        write_json(arguments.json, {"machine": machine(), "timings": rows})


def measured(arguments: argparse.Namespace, store: Store) -> list[Timing]:
    """Planning with nothing there, and with everything; and the run over the latter."""
    started = timed("start and imports", importing)[1]
    recipe = {"name": arguments.recipe, "seeds": tuple(range(arguments.seeds))}
    targets, built = timed(
        "the recipe's graph", lambda: unmask.RECIPES.make(recipe).build().targets
    )
    steps = ordered(targets)
    nothing = Store(store.root / "nothing")
    _, cold = timed("plan, nothing there", lambda: Plan.of(targets, nothing))
    _, fitting = timed("  does it fit into memory", lambda: memory.fits(steps))
    _, filled = timed("fill the store (not ours)", lambda: fill(store, steps, arguments.kib))
    _, warm = timed("plan, all there", lambda: Plan.of(targets, store))
    outcomes, run = timed(
        "run, all there", lambda: Inline().execute(targets, store, Budget.of(None))
    )
    assert {outcome.status for outcome in outcomes} == {"cached"}
    rows = (started, built, cold, fitting, filled, warm, run)
    counted = f"{len(steps):,} steps"
    return [
        Timing(name=row.name, value=row.value, unit="s", what=f"{row.what}, {counted}")
        for row in rows
    ]


def importing() -> None:
    subprocess.run([sys.executable, "-c", "import unmask.recipes.run"], check=True)


def timed(name: str, work: Callable[[], Value]) -> tuple[Value, Timing]:
    """What a work gives, and how long it takes."""
    before, start = sum(os.times()[:4]), time.perf_counter()
    value = work()
    seconds, computed = time.perf_counter() - start, sum(os.times()[:4]) - before
    return value, Timing(name=name, value=seconds, unit="s", what=f"{computed:.2f} s computed")


def fill(store: Store, steps: Sequence[Step], kib: int) -> None:
    """A file of random bytes under each step's key, as a result of it would be kept."""

    def work(out: Path, scratch: Path) -> Mapping[str, Any]:
        (out / "replies.jsonl").write_bytes(os.urandom(kib * 1024))
        return {"tokens": 1, "estimated_work": 1000}

    for step in steps:
        store.make(step, work)


if __name__ == "__main__":
    main()
