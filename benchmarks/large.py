"""What a grid of large models would cost in GPU hours: `python -m benchmarks.large`.

    python -m benchmarks.large [--parameters 8e9] [--variants standard,chain_of_thought,distilled]
        [--methods sft,pirate,rl,dpo] [--seeds 3] [--scales pretrained,paper]

Tokens and steps are the plan's own, shared steps once. Their speed was not measured: it follows
from the data sheet of one H100 (989 TFLOP/s in bfloat16, 3.35 TB/s), of which SHARE is reached; a
token that is trained costs 6 floating-point operations for each parameter, one that is read 2
(Kaplan et al. 2020, section 2.1). Sampling reads all weights for every token of a batch. A step
with a model loads it once. Once a store holds steps that were done on a GPU, `unmask plan` goes by
these instead.
"""

from __future__ import annotations

import argparse
import dataclasses
from functools import reduce

from rich.console import Console
from rich.table import Table

import unmask
from unmask.core.tokens import Tokens
from unmask.engine.step import ordered

OPERATIONS, BYTES = 989e12, 3.35e12
"""Of one GPU, a second."""
SHARE = 0.4
BATCH, WEIGHT = 64, 2
"""Replies that are sampled together; bytes of a weight."""
DISK = 2e9
"""Bytes of a checkpoint that are loaded a second."""
HOUR = 3600


@dataclasses.dataclass(frozen=True)
class Hours:
    """GPU hours of a grid, by what they are for."""

    trained: float
    sampled: float
    scored: float
    loading: float

    @staticmethod
    def of(tokens: Tokens, loads: int, parameters: float) -> Hours:
        weights = WEIGHT * parameters
        return Hours(
            trained=6 * parameters * tokens.trained / (SHARE * OPERATIONS) / HOUR,
            sampled=weights * tokens.sampled / (BATCH * SHARE * BYTES) / HOUR,
            scored=2 * parameters * tokens.scored / (SHARE * OPERATIONS) / HOUR,
            loading=loads * weights / DISK / HOUR,
        )

    @property
    def total(self) -> float:
        return self.trained + self.sampled + self.scored + self.loading


def main() -> None:
    parser = argparse.ArgumentParser(description="Estimate the GPU hours of a grid.")
    parser.add_argument("--parameters", type=float, default=8e9)
    parser.add_argument("--variants", default="standard,chain_of_thought,distilled")
    parser.add_argument("--methods", default="sft,pirate,rl,dpo")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scales", default="pretrained,paper")
    arguments = parser.parse_args()
    table = Table(title=f"GPU hours at {arguments.parameters / 1e9:g}B, not measured")
    for head in ("scale", "steps", "with a model", "training", "sampling", "scoring", "loading"):
        table.add_column(head, justify="right")
    table.add_column("in all", justify="right")
    for scale in arguments.scales.split(","):
        table.add_row(scale, *row(scale, arguments))
    Console(width=120).print(table)


def row(scale: str, arguments: argparse.Namespace) -> list[str]:
    """Of the grid at a scale."""
    recipe = {
        "name": "pretrained",
        "scale": scale,
        "variants": tuple(arguments.variants.split(",")),
        "methods": tuple(arguments.methods.split(",")),
        "seeds": tuple(range(arguments.seeds)),
    }
    steps = ordered(unmask.RECIPES.make(recipe).build().targets)
    tokens = [step.work.tokens() for step in steps]
    loads = sum(own.total > 0 for own in tokens)
    hours = Hours.of(reduce(Tokens.__add__, tokens), loads, arguments.parameters)
    parts = (hours.trained, hours.sampled, hours.scored, hours.loading, hours.total)
    return [f"{len(steps):,}", f"{loads:,}", *(f"{part:,.2f}" for part in parts)]


if __name__ == "__main__":
    main()
