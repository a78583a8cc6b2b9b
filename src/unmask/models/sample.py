"""Sampling: how replies are drawn. Batched, with a KV cache, sorted by length; never a prompt at a
time."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal, get_args

from unmask.core.errors import SettingError
from unmask.core.memory import Needed, Shape
from unmask.core.named import Named
from unmask.core.spec import LATER
from unmask.models.memory import reading

Precision = Literal["auto", "float32", "bfloat16"]
Engine = Literal["transformers", "vllm"]

PROMPT = 256
"""Tokens of a long prompt, for estimates."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling(Named):
    """Settings of sampling; `temperature` 0 is greedy. `batch_size` counts, since it changes what
    is drawn.

    `precision` is that of the arithmetic, of models on this machine: "auto" is that of the
    checkpoint's weights. With bfloat16, a processor that has it (avx512_bf16, AMX, a GPU) samples
    several times as fast, and other replies: each is drawn from logits that are rounded to 8 bits.
    Rates are of that model, then; likelihoods and divergences stay in the checkpoint's precision.
    `engine` is what draws replies of a checkpoint on this machine: with vllm, which needs a GPU,
    many replies are faster, and other ones.
    """

    name: ClassVar[str] = "sampling"
    version: ClassVar[int] = 2

    max_new_tokens: int = 32
    temperature: float = 1.0
    seed: int = 0
    batch_size: int = 64
    precision: Precision = dataclasses.field(default="auto", metadata=LATER)
    engine: Engine = dataclasses.field(default="transformers", metadata=LATER)

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.batch_size < 1 or not 0 <= self.temperature < 100:
            raise SettingError(
                "Sampling needs max_new_tokens >= 1, batch_size >= 1 and a temperature from 0 to"
                " 100."
            )
        for name, known in (("precision", get_args(Precision)), ("engine", get_args(Engine))):
            if (given := getattr(self, name)) not in known:
                raise SettingError(f"Sampling: {name} is {given!r}. Known: {', '.join(known)}.")

    def memory(self, *models: Shape) -> Needed:
        """What it takes to sample so from one of these models, all of them in memory."""
        tokens = PROMPT + self.max_new_tokens
        return reading(*models, rows=self.batch_size, tokens=tokens)
