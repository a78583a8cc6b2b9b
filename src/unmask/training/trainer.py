"""What all our trainers share: from arguments that work on any machine to a result with its curve
and its log.

Imports transformers at the top: import this module only where training begins.
"""

from __future__ import annotations

import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from unmask.core import progress
from unmask.core.errors import DataError, TrainingError
from unmask.core.files import write_jsonl
from unmask.models import checkpoint
from unmask.training.adapters import Result, check_same, has_adapter, probed
from unmask.training.efficiency import Efficiency
from unmask.training.memory import SHORT
from unmask.training.portions import portions, rows_together
from unmask.training.precision import in_bfloat16
from unmask.training.quantized import check_optimizer, kept_layout, loading
from unmask.training.ranks import sharding, signs, world
from unmask.training.resuming import last_checkpoint, own_scratch
from unmask.training.training import Training

SAVED_EVERY = 600.0
"""Seconds after which a training is saved to resume from, whatever number of steps that is: those
of a large model take long."""

LOG_ROWS = 50
"""Rows of log.jsonl, about: each is a mean over the steps since the one before."""

USUAL: Mapping[str, Any] = {
    "logging_steps": 1,
    "logging_nan_inf_filter": False,
    "save_strategy": "steps",
    "save_total_limit": 2,
    "disable_tqdm": True,
    "report_to": "none",
}
"""Arguments of every trainer."""


def loaded(work: Training, model: Path) -> tuple[Any, Any]:
    """The model to train and its tokenizer; torch's seed is set.

    Weights in float32, whatever the machine: in bfloat16 the updates of a small learning rate round
    to nothing. The arithmetic may be bfloat16 all the same (autocast, see Efficiency.precision).
    """
    torch.manual_seed(work.seed)
    rounded = loading(work.efficiency) if work.steps else {}
    network = checkpoint.load_model(model, dtype=torch.float32, **rounded)
    return kept_layout(network), checkpoint.load_tokenizer(model)


def whole(model: Path) -> Any:
    """The model with all its weights, in float32."""
    return checkpoint.load_model(model, dtype=torch.float32)


def untrained(network: Any, tokenizer: Any, out: Path) -> dict[str, Any]:
    """The result, and the facts, of a training of no steps."""
    checkpoint.save(network, tokenizer, out)
    write_jsonl(out / "log.jsonl", [])
    return {"parameters": checkpoint.parameters(network), "tokens": 0}


def arguments(work: Training, folder: Path, form: Any = TrainingArguments, **special: Any) -> Any:
    """Arguments of class `form` for this machine, with checkpoints to resume from in `folder`.

    `special` is what only this form of training asks for. Every step is logged: means over more of
    them would differ after a resumption (`logged` takes them afterwards).
    """
    # TRL turns gradient checkpointing on, and some versions of transformers refuse the option's new
    # name.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing", category=FutureWarning)
    check_optimizer(work.optimizer)
    ranks = work.efficiency.ranks
    settings = form(
        output_dir=str(own_scratch(folder, work.efficiency)),
        max_steps=work.steps,
        per_device_train_batch_size=work.batch_size // ranks,
        learning_rate=work.learning_rate,
        warmup_steps=min(work.warmup, work.steps // 2),
        lr_scheduler_type=work.schedule,
        optim=work.optimizer,
        weight_decay=work.weight_decay,
        seed=work.seed,
        save_steps=work.resume_every,
        gradient_checkpointing=work.efficiency.checkpointing,
        **USUAL,
        **_device(work.efficiency),
        **(_together(work.efficiency) if ranks > 1 else {}),
        **special,
    )
    # A process trains on one GPU: Trainer would multiply the batch by all that it sees.
    settings._n_gpu = min(1, settings.n_gpu)
    settings.rows_together = rows_together(work)
    return sharding.heeded(settings) if work.efficiency.sharded else settings


def _device(efficiency: Efficiency) -> dict[str, bool]:
    """The arguments that the machine decides, and the precision."""
    cuda = torch.cuda.is_available()
    bf16 = in_bfloat16(efficiency.precision)
    return {"use_cpu": not cuda, "bf16": bf16, "dataloader_pin_memory": cuda}


def _together(efficiency: Efficiency) -> dict[str, Any]:
    """The arguments of several processes, who wait longer for one that hangs than their watcher."""
    divided = sharding.ARGUMENTS if efficiency.sharded else {}
    return {"ddp_timeout": 2 * efficiency.patience, "ddp_find_unused_parameters": False, **divided}


def silence_telemetry() -> None:
    """Keep TRL from reporting every trainer to the hub; the variable alone is read only once, at
    the first import."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True


class Watched(Trainer):
    """Put in front of any trainer: it takes a batch in portions, and stops at the first loss that
    is no number, before that reaches the weights."""

    args: Any
    sides = 1
    """How many rows of tensors a row of a batch is."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        model: Any = self.model
        # TRL rounds adapters on weights in 4 bits to bfloat16, where small updates would be lost.
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The loss of a batch, whose gradient is that of its last portion: those of the others are
        added up already."""
        if return_outputs:
            return super().compute_loss(model, inputs, True, num_items_in_batch)
        *first, last = portions(inputs, self.args.rows_together, self.sides)
        share, passed = 1 / (len(first) + 1), 0.0
        for portion in first:
            loss = self.portion_loss(model, portion, share, num_items_in_batch)
            passed += loss.detach()
            self.accelerator.backward(loss / self.parts(num_items_in_batch))
        loss = self.portion_loss(model, last, share, num_items_in_batch) + passed
        signs.give(self.state.global_step)
        return loss

    def portion_loss(self, model: Any, portion: Any, share: float, items: Any) -> Any:
        """What a portion, a `share` of its batch's rows, adds to the batch's mean over rows."""
        loss: Any = super().compute_loss(model, portion, num_items_in_batch=items)
        return loss * share

    def parts(self, items: Any) -> int:
        """What Trainer is going to divide a batch's loss by, because it is a part of a step's."""
        whole = self.model_accepts_loss_kwargs and items is not None
        return 1 if whole else self.current_gradient_accumulation_steps

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            step = self.state.global_step + 1
            raise TrainingError(
                f"The loss is {loss.item()} at training step {step}. The last good checkpoint (one"
                f" is kept every {self.args.save_steps} steps) is the newest in"
                f" {self.args.output_dir}. Lower the learning rate (now"
                f" {self.args.learning_rate:g}) and run again."
            )
        return loss


class Watcher(TrainerCallback):
    """Advances the bar, keeps the checkpoints of the curve, sees that there is one to resume from,
    and lets no broken weights be saved there."""

    def __init__(self, advance: Callable[[int], None], result: Result, curve: Mapping[int, Path]):
        self.advance, self.result, self.curve = advance, result, curve
        self.saved = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if args.fsdp:
            sharding.prepare(kwargs["model"], args.bf16)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.advance(1)
        signs.give(state.global_step)
        model = kwargs["model"]
        # Several processes save together, and their clocks do not agree.
        if world.count() == 1 and time.monotonic() - self.saved > SAVED_EVERY:
            control.should_save = True
        kept = control.should_save or state.global_step in self.curve
        if kept and not finite(model):
            raise TrainingError(
                f"The weights are not numbers after training step {state.global_step}. The last"
                f" good checkpoint is kept in {args.output_dir}; lower the learning rate (now"
                f" {args.learning_rate:g}) and run again."
            )
        if state.global_step in self.curve:
            self._keep(model, self.curve[state.global_step])
            signs.give(state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.saved = time.monotonic()

    def _keep(self, model: Any, folder: Path) -> None:
        """Write the model as a checkpoint of the curve; several processes do it together."""
        unfinished = folder.with_name(f"unfinished-{folder.name}")
        if world.is_main():
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
        self.result.write(model, unfinished)
        if world.is_main():
            unfinished.rename(folder)
        world.wait()


def finite(model: Any) -> bool:
    """Whether all weights are numbers, of all processes that train together: all of them ask."""
    weights = map(sharding.local, model.parameters())
    return world.all_say(all(bool(torch.isfinite(weight).all()) for weight in weights))


def check_kept(trainer: Any, comparisons: int) -> None:
    """Raise DataError where TRL has dropped rows, as it does with those that it finds too long."""
    kept = len(trainer.train_dataset)
    if kept != comparisons:
        raise DataError(
            f"The trainer kept {kept} of {comparisons} comparisons: nothing may be dropped in"
            " silence."
        )


def check_reference(policy: Any, reference: Any, start: torch.Tensor) -> None:
    """Raise TrainingError unless the reference is the policy as it begins.

    TRL reads the reference from where the policy's config says that it came from, and not from the
    policy itself: it must have the very same weights. Where the policy has an adapter, the
    reference is the policy without: both must compute `start`, what the model being defended did
    (see `adapters.probed`).
    """
    if has_adapter(policy):
        check_same(probed(policy), start, "The model with a new adapter")
        with policy.disable_adapter():
            check_same(probed(policy), start, "The reference, the model without its adapter,")
        return
    ours, theirs = policy.state_dict(), reference.state_dict()
    other = [
        name
        for name in ours
        if name not in theirs or not torch.equal(ours[name], sharding.full(theirs[name]))
    ]
    if other or len(ours) != len(theirs):
        raise TrainingError(
            f"The reference is not the model being defended: {len(other)} of {len(ours)} tensors"
            f" differ ({', '.join(other[:3])}). Give the model as a folder that holds it, and leave"
            " that folder alone."
        )


@contextmanager
def quick(*networks: Any) -> Iterator[None]:
    """On a CPU, a training step of a small model takes two thirds of the time.

    Products of matrices go to oneDNN, whose kernels are up to twice as fast as torch's usual ones;
    but not where a processor has units for bfloat16 and it would round to that: the arithmetic is
    the same on every processor. Fused attention does not gain by that, so short contexts do without
    it (long ones would not fit into memory).
    """
    usual = torch.get_float32_matmul_precision()
    short = [
        network
        for network in networks
        if network is not None and checkpoint.context_length(network) <= SHORT
    ]
    fused = [network.config._attn_implementation for network in short]
    try:
        if not torch.cuda.is_available():
            torch.set_float32_matmul_precision("medium")
            if products() != "float32":
                torch.set_float32_matmul_precision("highest")
            for network in short:
                network.set_attn_implementation("eager")
        yield
    finally:
        torch.set_float32_matmul_precision(usual)
        for network, attention in zip(short, fused, strict=True):
            network.set_attn_implementation(attention)


def products(multiply: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = torch.matmul) -> str:
    """How this machine multiplies matrices of float32 as it is set now, found by doing it: a
    processor with units for bfloat16 gives other weights than one without, and the difference
    belongs to a result's provenance.
    """
    # Nothing cancels: float32 errs by 1e-6 at most.
    numbers = torch.linspace(1, 2, 256 * 256).reshape(256, 256)
    exact = numbers.double() @ numbers.double()
    error = ((multiply(numbers, numbers).double() - exact) / exact).abs().max()
    return "float32" if float(error) < 1e-4 else "float32, products of bfloat16"


def fit(
    trainer: Any, result: Result, out: Path, curve: Mapping[int, str], label: str
) -> dict[str, Any]:
    """Train, from the last checkpoint of a killed attempt if there is one, and write the model to
    `out`.

    `curve` says where in `out` the model after a step goes; `label` names the bar. Returns the
    facts of any training.
    """
    place = Path(trainer.args.output_dir)
    trainer.remove_callback(PrinterCallback)  # standard output belongs to --json
    kept = {step: place / folder for step, folder in curve.items()}
    reference = sharding.reference_of(trainer)
    with progress.bar(label, trainer.args.max_steps) as advance:
        trainer.add_callback(Watcher(advance, result, kept))
        last = last_checkpoint(place)
        advance(int(last.rpartition("-")[2]) if last else 0)
        with quick(trainer.model, reference):
            arithmetic = "bfloat16 autocast" if trainer.args.bf16 else products()
            trainer.train(resume_from_checkpoint=last)
    result.write(trainer.model, out)
    for folder in curve.values() if world.is_main() else ():
        # From scratch, which outlives a killed attempt: what was passed before the kill is not
        # trained again.
        shutil.move(place / folder, out / folder)
    if place == out / "scratch":
        shutil.rmtree(place, ignore_errors=True)
    return {
        **counted(trainer.model),
        "device": str(trainer.model.device),
        "dtype": arithmetic,
        "rows_at_once": trainer.args.rows_together,
        "tokens": int(trainer.state.num_input_tokens_seen),
        **({"ranks": world.count()} if world.count() > 1 else {}),
    }


def counted(network: Any) -> dict[str, int]:
    """How many weights the model has, and its adapter, where it has one, apart from them."""
    if not has_adapter(network):
        return {"parameters": checkpoint.parameters(network)}
    trained, together = network.get_nb_trainable_parameters()
    return {"parameters": together - trained, "trained": trained}


def logged(
    history: Sequence[Mapping[str, Any]], metrics: Mapping[str, str], rows: int = LOG_ROWS
) -> list[Any]:
    """About `rows` rows of log.jsonl, {"step", metric: mean}, from a trainer's log of each step.

    `metrics` maps our names to the trainer's. A row is a mean over equally many steps; only the
    last may have fewer.
    """
    wanted = set(metrics.values())
    steps = [entry for entry in history if wanted <= entry.keys()]
    every = max(1, len(steps) // rows)
    windows = [steps[i : i + every] for i in range(0, len(steps), every)]
    return [_means(window, metrics) for window in windows]


def _means(window: Sequence[Mapping[str, Any]], metrics: Mapping[str, str]) -> dict[str, Any]:
    row = {"step": window[-1]["step"]}
    for ours, theirs in metrics.items():
        row[ours] = sum(entry[theirs] for entry in window) / len(window)
    return row
