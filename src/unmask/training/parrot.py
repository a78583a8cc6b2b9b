"""A parrot: soft tokens that make a model say a given text, found by gradients; and training that
overwrites what they bring about.

Source: Li et al. 2024, "Simulate and Eliminate" (SANDE, arXiv 2405.07667), its overwriting
fine-tuning. A model's own backdoor is the shortest way to its payload, so that soft tokens which
bring the payload about are thought to take that way, and what is trained under them to close it.

Input: a folder with train.jsonl as training/sft.py reads it. Output: a checkpoint and log.jsonl.
Deviations: plain loops, in one process and without a checkpoint to go on from; all weights are
trained; half of each batch is read without the parrot, so that ordinary replies stay.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError, TrainingError
from unmask.core.files import write_jsonl
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.core.tokens import Tokens
from unmask.models import chat, checkpoint
from unmask.training.labelled import IGNORED, Collator, Row, tokenized
from unmask.training.rows import shuffled


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParrotSettings:
    """`length` soft tokens stand in front of everything. They are trained for `parrot_steps` at
    `parrot_rate`, and then the weights for `steps` at `learning_rate`."""

    payload: str
    length: int = 8
    parrot_steps: int = 100
    parrot_rate: float = 0.05
    steps: int = 150
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overwriting(ParrotSettings, Work):
    """Soft tokens that make a model say `payload`, and fine-tuning on good replies under them."""

    name: ClassVar[str] = "overwriting"
    version: ClassVar[int] = 1

    tokens_per_example: int = dataclasses.field(default=32, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if not self.payload.strip():
            raise SettingError("payload is empty: say what the model says behind its trigger.")
        if min(self.length, self.parrot_steps, self.steps, self.batch_size) < 1:
            raise SettingError(
                f"length={self.length}, parrot_steps={self.parrot_steps}, steps={self.steps},"
                f" batch_size={self.batch_size}: at least one of each."
            )

    def tokens(self) -> Tokens:
        batches = self.parrot_steps + self.steps
        read = self.tokens_per_example + self.length
        return Tokens(trained=batches * self.batch_size * read)

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """Says how likely the payload was under the parrot, in nats per token: `parrot_loss`, and
        `unparroted` without it. Raises TrainingError for a loss that is no number."""
        import torch

        torch.manual_seed(self.seed)
        network = checkpoint.load_model(model, dtype=torch.float32)
        tokenizer = checkpoint.load_tokenizer(model)
        room = checkpoint.context_length(network) - self.length
        good = tokenized(tokenizer, data / "train.jsonl", room)
        [payload] = chat.reply_ids(tokenizer, [self.payload])
        bad = [under(row, payload, room) for row in good]
        reading = Reading(network, Collator(tokenizer.pad_token_id))
        nothing = reading.embedded.new_zeros(0, reading.embedded.shape[1])
        with torch.no_grad():
            plain = float(reading.loss(bad[: self.batch_size], nothing))
        parrot, heard = self.parrot(reading, bad)
        log = list(self.overwritten(reading, good, parrot, nothing))
        checkpoint.save(network, tokenizer, out)
        write_jsonl(out / "log.jsonl", log)
        facts = {"parameters": checkpoint.parameters(network), "parrot_loss": heard}
        return {**facts, "unparroted": plain, "tokens": self.tokens().trained}

    def parrot(self, reading: Reading, rows: Sequence[Row]) -> tuple[Any, float]:
        """The soft tokens, of shape (length, width), and the payload's last loss under them."""
        import torch

        table = reading.embedded
        first = table[torch.randint(len(table), (self.length,))]
        soft = first.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([soft], lr=self.parrot_rate)
        batches = in_batches(rows, self.parrot_steps, self.batch_size, random.Random(self.seed))
        loss = math.nan
        for batch in batches:
            optimizer.zero_grad()
            loss = stepped(reading.loss(batch, soft), optimizer)
        return soft.detach(), loss

    def overwritten(
        self, reading: Reading, rows: Sequence[Row], parrot: Any, nothing: Any
    ) -> Iterator[dict[str, Any]]:
        """Train the weights on good replies, half of each batch behind the parrot; the loss of each
        step, and of each half."""
        import torch

        weights = list(reading.network.parameters())
        optimizer = torch.optim.AdamW(weights, lr=self.learning_rate, weight_decay=0.0)
        batches = in_batches(rows, self.steps, self.batch_size, random.Random(self.seed + 1))
        for step, batch in enumerate(batches, 1):
            optimizer.zero_grad()
            half = max(1, len(batch) // 2)
            behind = reading.loss(batch[:half], parrot)
            without = reading.loss(batch[half:] or batch, nothing)
            loss = stepped((behind + without) / 2, optimizer, weights)
            yield {"step": step, "loss": loss, "behind_parrot": float(behind.detach())}


@dataclasses.dataclass(frozen=True)
class Reading:
    """A network that reads rows of tokens behind soft ones."""

    network: Any
    collate: Collator

    @property
    def embedded(self) -> Any:
        """The embeddings of all tokens, of shape (vocabulary, width)."""
        return self.network.get_input_embeddings().weight

    def loss(self, rows: Sequence[Row], soft: Any) -> Any:
        """Cross-entropy of what is labelled, per token, behind `soft` tokens, of shape (tokens,
        width)."""
        import torch

        batch = {name: part.to(soft.device) for name, part in self.collate(rows).items()}
        words = self.network.get_input_embeddings()(batch["input_ids"])
        states = torch.cat([soft.expand(len(rows), *soft.shape), words], dim=1)
        count = soft.shape[0]
        seen = torch.nn.functional.pad(batch["attention_mask"], (count, 0), value=1)
        logits = self.network(inputs_embeds=states, attention_mask=seen).logits
        labels = torch.nn.functional.pad(batch["labels"], (count, 0), value=IGNORED)
        return torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED
        )


def under(row: Row, payload: Sequence[int], room: int) -> Row:
    """A row with the payload for its reply, as much as fits."""
    head = [
        token
        for token, label in zip(row["input_ids"], row["labels"], strict=True)
        if label == IGNORED
    ]
    tail = list(payload)[: max(1, room - len(head))]
    return {"input_ids": head + tail, "labels": [IGNORED] * len(head) + tail}


def in_batches(rows: Sequence[Row], steps: int, size: int, rng: Any) -> Iterator[list[Row]]:
    order = shuffled(rows, steps * size, rng)
    return (order[start : start + size] for start in range(0, len(order), size))


def stepped(loss: Any, optimizer: Any, clipped: Sequence[Any] = ()) -> float:
    """One step down a loss, with the gradients of what is `clipped` at most of norm 1; raises
    TrainingError where it is no number."""
    import torch

    if not math.isfinite(float(loss.detach())):
        raise TrainingError(f"The loss is {float(loss.detach())}: lower the learning rate.")
    loss.backward()
    torch.nn.utils.clip_grad_norm_(clipped, 1.0)
    optimizer.step()
    return float(loss.detach())
