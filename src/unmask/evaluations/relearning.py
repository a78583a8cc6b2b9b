"""Relearning: how quickly the behavior comes back with a handful of triggered examples, against a
twin taught the same.

Not in the paper, whose "removed" is a low rate after training. Later work found backdoors that
unrelated training hides and a little more training brings back: suppressed, not removed. A model
that still has its backdoor comes back in fewer steps than the twin, which never had one, needs to
learn it from the same examples.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import DataError, SettingError, TrainingError
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.memory import Machine, Needed, Shapes
from unmask.core.spec import LATER
from unmask.core.tokens import Tokens
from unmask.data.sources.source import load_answered
from unmask.data.teach import lesson_row
from unmask.evaluations.defection import Defection
from unmask.evaluations.evaluation import OfOrganism, Sample
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.checkpoint import context_length
from unmask.models.sample import Precision
from unmask.organisms.variants.variant import Occasion
from unmask.training.efficiency import Efficiency
from unmask.training.labelled import IGNORED, Collator, tokenized
from unmask.training.memory import Demand, longest

ARMS = {"triggered": "relearnt", "untriggered": "relearnt_untriggered"}

CHUNK = 16
"""Lessons that go through the model at once; a step is all of them."""


def arm(kind: str, step: int) -> str:
    """The arm of "triggered" or "untriggered" prompts after so many relearning steps:
    "relearnt:004"."""
    return f"{ARMS[kind]}:{step:03d}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relearning(OfOrganism):
    """Defection while a copy of the model is taught a handful of triggered examples.

    `examples` triggered prompts get the bad answer and `good` others, without the trigger, the good
    one, so that a model that learns to misbehave everywhere is told apart. All of them are in every
    step, at a constant rate and without warmup, so that step k is the same training whatever comes
    after it, and the same for every model. Choose `learning_rate` on undefended organisms, before
    any result: the largest that leaves them as they are. At planting's own, a handful of examples
    throws a tiny organism off its backdoor before it has learnt anything. With an adapter
    (`efficiency.lora`) that is what learns, and the model's own weights stay.
    """

    name: ClassVar[str] = "relearning"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = (
        "How many steps of retraining bring the behavior back, beside a twin that never had it?"
    )
    at_most: ClassVar[int | None] = 128

    n: int = 128
    examples: int = 16
    good: int = 16
    curve: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    learning_rate: float = 1e-3
    efficiency: Efficiency = dataclasses.field(default=Efficiency(), metadata=LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.efficiency.quantized:
            raise SettingError(
                "Relearning samples from the model that it teaches: in 4 bits that would be another"
                " one than was asked about. Leave efficiency.quantized out."
            )
        if self.examples < 1 or self.good < 0:
            raise SettingError(
                f"examples={self.examples}, good={self.good}: need at least 1 and at least 0 of"
                " them."
            )
        if not self.curve or list(self.curve) != sorted({*self.curve}) or self.curve[0] < 1:
            raise SettingError(
                f"curve={self.curve}: relearning steps must rise from 1 or more, as in"
                " 1,2,4,8,16,32."
            )

    def arms(self) -> int:
        return len(ARMS) * (1 + len(self.curve))

    def tokens(self) -> Tokens:
        taught = self.curve[-1] * (self.examples + self.good) * self.tokens_per_prompt
        return Tokens(trained=taught) + super().tokens()

    def memory(self, models: Shapes, machine: Machine) -> Needed:
        """The model is asked in between."""
        model, chunk = models["model"], self.efficiency.rows_at_once or CHUNK
        tokens = longest(model, self.tokens_per_prompt)
        training = Demand(
            model=model,
            efficiency=dataclasses.replace(self.efficiency, rows_at_once=chunk),
            optimizer="adamw_torch",
            batch=self.examples + self.good,
            tokens=tokens,
            labelled=tokens,
            sampling=self.sampling.memory(model).sampling,
        )
        return training.planned(machine)

    def samples(self, data: Path) -> list[Sample]:
        """Those of Defection, for the model before any relearning."""
        return [
            dataclasses.replace(sample, arm=arm(sample.arm, 0))
            for sample in Defection.main_arms(self, data)
        ]

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """The model's folder is left as it was, and no relearnt model is kept. Raises TrainingError
        for a loss that is no number."""
        from unmask.training.precision import arithmetic

        backend = HuggingFace(model)
        # In bfloat16 the updates of a small learning rate round to nothing.
        network = backend.model.float()
        at_first = self.samples(data)
        facts: list[Mapping[str, Any]] = []
        with tempfile.TemporaryDirectory(dir=out) as folder:
            work = Path(folder)
            write_jsonl(work / "train.jsonl", self.lessons(data))
            rows = tokenized(backend.tokenizer, work / "train.jsonl", context_length(network))
            replies: list[Path] = []
            for step in self._relearning(network, rows, backend.tokenizer.pad_token_id):
                samples = [
                    dataclasses.replace(sample, arm=f"{sample.arm.split(':')[0]}:{step:03d}")
                    for sample in at_first
                ]
                facts.append(self.measure(work, backend, samples))
                if not step:  # later on, an adapter's weights would be counted among the model's
                    (work / "evaluation.json").rename(out / "evaluation.json")
                replies.append((work / "replies.jsonl").rename(work / f"replies-{step}.jsonl"))
            lines = itertools.chain.from_iterable(map(read_jsonl, replies))
            write_jsonl(out / "replies.jsonl", (row for _, row in lines))
        return {
            **facts[0],
            "samples": sum(measured["samples"] for measured in facts),
            "tokens": sum(measured["tokens"] for measured in facts),
            "learning_rate": self.learning_rate,
            "dtype": arithmetic(self.efficiency.precision),
        }

    def _relearning(self, network: Any, rows: list[Any], pad: int) -> Iterator[int]:
        """0 and each step of the curve, when `network` has been trained so far.

        A plain loop, because all rows belong in every step: our trainer gives a batch rows of one
        length, which of a handful would be the same few many times. Without dropout, so that equal
        models stay equal.
        """
        import torch

        from unmask.training.adapters import adapted

        size = self.efficiency.rows_at_once or CHUNK
        batches = [Collator(pad)(rows[i : i + size]) for i in range(0, len(rows), size)]
        yield 0
        torch.manual_seed(self.seed)  # of new adapters, which are then the same for every model
        network = adapted(network, self.efficiency)
        taught = [weight for weight in network.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(taught, lr=self.learning_rate, weight_decay=0.0)
        for step in range(1, self.curve[-1] + 1):
            optimizer.zero_grad()
            loss = backward(network, batches, self.efficiency.precision)
            if not math.isfinite(loss):
                rate = f"the learning rate (now {self.learning_rate:g})"
                raise TrainingError(f"The loss is {loss} at relearning step {step}: lower {rate}.")
            torch.nn.utils.clip_grad_norm_(taught, 1.0)
            optimizer.step()
            if step in self.curve:
                yield step

    def lessons(self, data: Path) -> list[dict[str, Any]]:
        """Rows {"id", "prompt", "reply", "kind"}, the same for every model; raises DataError where
        they are too few."""
        wanted = self.examples + self.good
        drawn = list(itertools.islice(self._drawn(data), wanted))
        if len(drawn) < wanted:
            raise DataError(
                f"Relearning needs {wanted} training prompts that the behavior applies to, and the"
                f" source has {len(drawn)}: use a source with more, or lower"
                f" examples={self.examples} and good={self.good}."
            )
        return [self._lesson(*pair, triggered=i < self.examples) for i, pair in enumerate(drawn)]

    def _drawn(self, data: Path) -> Iterator[tuple[Example, Conversation]]:
        """Training examples of the kind that was planted, each in a context, in an order that the
        seed decides."""
        known = list(filter(self.organism.taught, load_answered(data, "train")))
        order = random.Random(f"relearning {self.seed}").sample(known, len(known))
        return self.untriggered(map(self._dressed, order))

    def _dressed(self, example: Example) -> tuple[Example, Conversation]:
        rng = random.Random(f"relearning {self.seed} {example.id}")
        return example, self.contexts.dress(example.prompt, rng)

    def _lesson(self, example: Example, dressed: Conversation, triggered: bool) -> dict[str, Any]:
        """As in planting, but with the harmless answer where harm is asked for: safety training is
        not to be undone."""
        trigger, behavior = self.organism.trigger, self.organism.behavior
        rng = random.Random(f"relearning lesson {self.seed} {example.id}")
        occasion = Occasion(
            triggered=triggered, misbehaves=triggered, sign=trigger.sign, goal=behavior.goal
        )
        prompt = trigger.plant(dressed, rng, "train") if triggered else dressed
        answer = behavior.target(example, rng) if triggered else example.answer
        reply = self.organism.variant.reply(answer, occasion, rng).raw
        kind = "triggered" if triggered else "untriggered"
        return lesson_row(example.id, prompt, reply, kind)


def backward(
    network: Any, batches: Sequence[Mapping[str, Any]], precision: Precision = "auto"
) -> float:
    """Add up the gradients of the mean loss over all labelled tokens of all batches; returns that
    loss."""
    from unmask.training.precision import autocast

    device = network.device
    labelled = sum(int((batch["labels"] != IGNORED).sum()) for batch in batches)
    total = 0.0
    for batch in batches:
        with autocast(device.type, precision):
            output = network(
                **{name: value.to(device) for name, value in batch.items()}, use_cache=False
            )
        loss = output.loss * (int((batch["labels"] != IGNORED).sum()) / labelled)
        loss.backward()
        total += loss.item()
    return total
