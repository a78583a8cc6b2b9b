"""Which steps could begin, against the obvious way of finding out."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import ClassVar

import pytest

from unmask.core.named import Work
from unmask.engine.executors.waiting import Waiting
from unmask.engine.plan import PlannedStep
from unmask.engine.step import Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Link(Work):
    """Stands on any number of others."""

    name: ClassVar[str] = "link"
    version: ClassVar[int] = 1
    number: int

    def run(self, out: Path, **inputs: Path) -> None: ...


def web(luck: random.Random, size: int) -> list[Step]:
    """Steps each of which stands on some before it."""
    steps: list[Step] = []
    for number in range(size):
        below = luck.sample(steps, min(len(steps), luck.randrange(4)))
        step = Step(Link(number=number))
        # What a work reads is not what is asked here.
        object.__setattr__(step, "needs", tuple(below))
        steps.append(step)
    return steps


@pytest.mark.parametrize("seed", range(5))
def test_a_step_could_begin_when_all_it_stands_on_is_decided(seed: int) -> None:
    luck = random.Random(seed)
    steps = web(luck, 60)
    decided = {step.key for step in steps[:5]}
    order = [PlannedStep(step) for step in steps[5:]]
    luck.shuffle(order)
    waiting = Waiting(order, dict.fromkeys(decided))
    begun: list[PlannedStep] = []
    left = list(order)
    while left or begun:
        could = [one for one in left if all(need.key in decided for need in one.step.needs)]
        assert waiting.could == could and len(waiting) == len(left)
        if could and (not begun or luck.random() < 0.5):
            planned = luck.choice(could)
            waiting.take(planned)
            left.remove(planned)
            begun.append(planned)
        else:
            planned = begun.pop(luck.randrange(len(begun)))
            decided.add(planned.step.key)
            waiting.decide(planned.step.key)
