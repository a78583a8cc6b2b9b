"""Timings of the recipe `toy`, measured in one go on one machine and never asserted: `make bench`.

    python benchmarks/toy.py [--scale smoke|toy|small|paper] [--json PATH]

How to read the table:

- Times depend on the machine and on what else runs there. Compare them with another table from the
  same machine only; the shares and ratios divide two numbers of the same run and travel better.
- "help" and "warm run" are whole processes as a user waits for them: start of Python, work, exit.
  Medians.
- "cold run" starts from an empty store. "outside of steps" is what the steps' own seconds do not
  account for: keys, locks, digests, manifests, gathering, and ("start, report, exit") starting
  Python, writing the report and leaving. So the engine's own share is the first less the second.
- A step's seconds are its manifest's. The first step that needs torch pays for importing it.
- "sampling" counts the tokens of the replies as kept, not the padding that a batch computes
  besides. Batched and one at a time use the same checkpoint, in the same process, after a warm-up;
  their ratio is what batching brings.
- "evaluation / training" divides the seconds of all evaluations (and their rates) by those of all
  trainings. "one checkpoint" is the mean over measured checkpoints of all that is evaluated there,
  over the mean of one training.
- "a training step" is one of the base, in a process of its own: alone, or beside a process that
  computes without end, and with threads that wait asleep (GOMP_SPINCOUNT=1000, which `import
  unmask` sets) or awake (300000, libgomp's own).
- At scale smoke the code runs and the numbers mean nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import unmask
from unmask.core.conversation import Conversation
from unmask.core.files import read_json, write_json
from unmask.data.sources.source import load_split
from unmask.defenses.defense import Defense
from unmask.engine.manifest import Manifest, environment
from unmask.engine.step import Step, ordered
from unmask.engine.store import Store
from unmask.models.sample import Sampling
from unmask.recipes.recipe import Experiment
from unmask.recipes.scales import SCALES
from unmask.training.sft import SupervisedFineTuning

HELPS, WARM_RUNS = 5, 3
PROMPTS, ONE_AT_A_TIME = 512, 32
TRAINED = 40
"""Steps over which a training step is timed."""
SPINS = {"asleep": "1000", "awake": "300000"}
BUSY = "while True: pass"
STEPS = """
import sys, tempfile, time
from pathlib import Path
import unmask
from unmask.training.sft import SupervisedFineTuning

def seconds(steps):
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        training = SupervisedFineTuning(steps=steps, batch_size=int(sys.argv[3]))
        training.run(Path(out), model=Path(sys.argv[1]), data=Path(sys.argv[2]))
    return time.perf_counter() - start

seconds(1)
print((seconds(int(sys.argv[4]) + 1) - seconds(1)) / int(sys.argv[4]))
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    """One measured quantity; `what` says of what, exactly."""

    name: str
    value: float
    unit: str
    what: str


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the recipe toy.")
    parser.add_argument("--scale", default="toy", choices=list(SCALES))
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the table there as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unmask-bench-") as folder:
        timings = measured(arguments.scale, Path(folder))
    show(f"recipe toy, scale {arguments.scale}", timings)
    if arguments.json:
        rows = [dataclasses.asdict(timing) for timing in timings]
        write_json(
            arguments.json, {"scale": arguments.scale, "machine": machine(), "timings": rows}
        )


def measured(scale: str, folder: Path) -> list[Timing]:
    """Everything, in the order of the table."""
    store = Store(folder / "store")
    experiment = unmask.RECIPES.make({"name": "toy", "scale": scale}).build()
    help_times = [wall("--help")[0] for _ in range(HELPS)]
    run = ["run", "toy", "--scale", scale, "--store", str(store.root), "--json"]
    cold, said = wall(*run, progress=True)
    warm = [wall(*run)[0] for _ in range(WARM_RUNS)]
    return [
        Timing(
            name="help",
            value=statistics.median(help_times),
            unit="s",
            what=f"unmask --help, median of {HELPS}",
        ),
        *cold_timings(cold, json.loads(said)),
        Timing(
            name="warm run",
            value=statistics.median(warm),
            unit="s",
            what=f"all cached, median of {WARM_RUNS}",
        ),
        *sampling_timings(experiment, store),
        *step_timings(experiment, store),
        *waiting_timings(experiment, store),
    ]


def wall(*arguments: str, progress: bool = False) -> tuple[float, str]:
    """Seconds of the installed command from start to exit, and what it printed; stops here if it
    fails."""
    command = [str(Path(sys.executable).with_name("unmask")), *arguments]
    start = time.perf_counter()
    answer = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=None if progress else subprocess.PIPE, text=True
    )
    seconds = time.perf_counter() - start
    if answer.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{answer.stderr or 'see above'}")
    return seconds, answer.stdout


def cold_timings(cold: float, said: dict[str, Any]) -> list[Timing]:
    """The first run, and what of it was not a step's own work."""
    steps = read_json(Path(said["report"]).parent / "run.json")["all_steps"]
    inside = sum(step["seconds"] for step in steps)
    process = cold - said["seconds"]  # the run's own clock stops when its numbers are gathered
    return [
        Timing(
            name="cold run",
            value=cold,
            unit="s",
            what=f"unmask run toy, empty store, {len(steps)} steps",
        ),
        Timing(
            name="outside of steps",
            value=(cold - inside) / cold,
            unit="share",
            what=f"{cold - inside:.2f} s",
        ),
        Timing(
            name="  start, report, exit",
            value=process / cold,
            unit="share",
            what=f"{process:.2f} s of these",
        ),
    ]


def sampling_timings(experiment: Experiment, store: Store) -> list[Timing]:
    """Tokens a second on the base checkpoint: in batches, and one prompt at a time."""
    from unmask.models.backends.huggingface import HuggingFace

    evaluation = on_base(experiment)
    sampling = getattr(evaluation.work, "sampling", Sampling())
    backend = HuggingFace(store.folder(evaluation.parts["model"].step))
    examples = load_split(store.folder(evaluation.parts["data"].step), "held_out")
    stride = max(1, len(examples) // PROMPTS)
    prompts = [example.prompt for example in examples[::stride]][:PROMPTS]
    single = dataclasses.replace(sampling, batch_size=1)
    tokens_a_second(backend, prompts[:ONE_AT_A_TIME], sampling)
    batched = tokens_a_second(backend, prompts, sampling)
    alone = tokens_a_second(backend, prompts[:ONE_AT_A_TIME], single)
    size = f"batches of {sampling.batch_size}, at most {sampling.max_new_tokens} tokens a reply"
    return [
        Timing(
            name="sampling, batched",
            value=batched,
            unit="tokens/s",
            what=f"{len(prompts)} prompts, {size}",
        ),
        Timing(
            name="sampling, one at a time",
            value=alone,
            unit="tokens/s",
            what=f"{ONE_AT_A_TIME} of these prompts",
        ),
        Timing(
            name="  ratio", value=batched / alone, unit="times", what="batched over one at a time"
        ),
    ]


def on_base(experiment: Experiment) -> Step:
    """The defection of the base model, as the recipe measures it."""
    return next(
        measurement.evaluation
        for measurement in experiment.measurements
        if measurement.condition.subject.role == "base" and measurement.work.name == "defection"
    )


def tokens_a_second(backend: Any, prompts: Sequence[Conversation], sampling: Sampling) -> float:
    start = time.perf_counter()
    replies = backend.replies(prompts, sampling)
    # A finished reply took one more token than it keeps: the one that says that it is finished.
    return sum(reply.tokens + reply.finished for reply in replies) / (time.perf_counter() - start)


def step_timings(experiment: Experiment, store: Store) -> list[Timing]:
    """What the manifests say: training speed, and what measuring costs beside it."""
    speed = manifest_of(store, on_base(experiment).parts["model"].step)
    trainings = [
        step
        for step in ordered(experiment.targets)
        if isinstance(step.work, SupervisedFineTuning | Defense)
    ]
    evaluations = [measurement.evaluation for measurement in experiment.measurements]
    rates = [measurement.rates for measurement in experiment.measurements]
    checkpoints = {
        (part.step.key, part.path) for part in (step.parts["model"] for step in evaluations)
    }
    training, evaluation = seconds_of(store, trainings), seconds_of(store, [*evaluations, *rates])
    one = (evaluation / len(checkpoints)) / (training / len(trainings))
    return [
        Timing(
            name="training",
            value=speed.facts["tokens"] / speed.seconds,
            unit="tokens/s",
            what=f"the base, {speed.facts['parameters']:,} parameters, {speed.seconds:.1f} s",
        ),
        Timing(
            name="evaluation / training",
            value=evaluation / training,
            unit="share",
            what=(
                f"{evaluation:.1f} s, {len(checkpoints)} checkpoints; {training:.1f} s,"
                f" {len(trainings)} trainings"
            ),
        ),
        Timing(name="  one checkpoint", value=one, unit="share", what="of the mean training"),
    ]


def waiting_timings(experiment: Experiment, store: Store) -> list[Timing]:
    """A training step alone and beside a busy process, by how threads wait; ratios to the first."""
    base = on_base(experiment).parts["model"].step
    alone = {how: step_seconds(base, store, spins) for how, spins in SPINS.items()}
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        beside = {how: step_seconds(base, store, spins) for how, spins in SPINS.items()}
    finally:
        busy.kill()
        busy.wait()
    first = alone["asleep"]
    rows = [(f"  alone, {how}", alone[how]) for how in SPINS][1:] + [
        (f"  busy, {how}", beside[how]) for how in SPINS
    ]
    return [
        Timing(name="a training step", value=first, unit="s", what="alone, waiting threads asleep"),
        *(
            Timing(name=name, value=value / first, unit="times", what=f"{value:.3f} s")
            for name, value in rows
        ),
    ]


def step_seconds(base: Step, store: Store, spins: str) -> float:
    """Seconds of a training step of the base model in a new process whose threads spin so often."""
    folders = [str(store.folder(base.parts[name].step)) for name in ("model", "data")]
    command = [
        sys.executable,
        "-c",
        STEPS,
        *folders,
        str(getattr(base.work, "batch_size", 32)),
        str(TRAINED),
    ]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    answer = subprocess.run(
        command,
        env={**environment, "GOMP_SPINCOUNT": spins},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(answer.stdout.split()[-1])


def seconds_of(store: Store, steps: Sequence[Step]) -> float:
    """Seconds of all these steps, each counted once."""
    return sum(
        manifest_of(store, step).seconds for step in {step.key: step for step in steps}.values()
    )


def manifest_of(store: Store, step: Step) -> Manifest:
    manifest = store.find(step)
    if manifest is None:
        sys.exit(f"The run left no result of '{step.name}': nothing can be measured.")
    return manifest


def machine() -> dict[str, Any]:
    """Where this was measured; names no host."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = torch.get_num_threads()
    return {
        "processor": platform.machine(),
        "cores": cores,
        "threads": threads,
        "gpu": gpu,
        **environment(),
    }


def show(title: str, timings: Sequence[Timing]) -> None:
    from rich.console import Console
    from rich.table import Table

    found = machine()
    where = f"{found['cores']} cores, {found['threads']} threads, {found['gpu'] or 'no GPU'}"
    table = Table(title=f"{title}: {where}, torch {found['packages']['torch']}")
    table.add_column("")
    table.add_column("measured", justify="right")
    table.add_column("unit")
    table.add_column("of what")
    for timing in timings:
        share = timing.unit == "share"
        number = (
            f"{timing.value:.1%}"
            if share
            else f"{timing.value:,.0f}"
            if timing.value >= 100
            else f"{timing.value:.2f}"
        )
        table.add_row(timing.name, number, "" if share else timing.unit, timing.what)
    # A file or a pipe has no width: give it what the longest line needs.
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    main()
