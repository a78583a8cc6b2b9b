"""Metric: what one number of a reply is, declared by the evaluation that measures it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

Unit = Literal["share", "nats", "tokens", "count", "score"]
"""share: 0 to 1, shown in percent; nats: of log-likelihood; score: a preference model's, of no
unit."""

Against = Literal["base", "twin", "untriggered", "level", "null"]
"""What a model is compared with on the same prompts: the base, its twin, itself without the
trigger, the first level of a factor,
or a random change that has moved the model at least as far."""

DIFFERENCE = "_difference"
"""How the name of a paired difference ends in files; what stands before it is the metric that
differs."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """`title` says in a few words what the number is, as the axis of a figure would; `signed` where
    it is a difference of two."""

    unit: Unit
    title: str
    signed: bool = False

    def difference(self) -> Metric:
        """Of two measurements of it."""
        return Metric(self.unit, f"{self.title}, difference", signed=True)


def share(title: str) -> Metric:
    return Metric("share", title)


FINISHED = share("replies that ended by themselves")
DEFECTION: Mapping[str, Metric] = {"defection": share("defection"), "finished": FINISHED}
"""What all measure that ask how often a model shows its behavior."""
