"""Every defense that knows nothing of the backdoor, on the same organisms and twins, with the same
measurements: what does each leave, and how far did it move the model for it?

Not in the paper, which has SFT, RL and adversarial training. The others are from related fields,
each from the source that its own file names. Whatever moves a model far enough removes a backdoor
with the rest, so defenses are compared at the same distance (the KL divergence from the undefended
model), each over a ladder of settings that is fixed on its class, with rounding and random changes
of weights beside them, which are aimed at nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

from unmask.core.condition import NOTHING
from unmask.core.registry import Choice
from unmask.defenses import DEFENSES
from unmask.defenses.defense import Defense
from unmask.organisms.organism import Organism
from unmask.recipes.ask import USUAL, Ask, besides, relearning
from unmask.recipes.paper import Paper
from unmask.recipes.scales import Scale


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defenses(Paper):
    """Every defense that knows nothing of the backdoor, each at several strengths: what is left, at
    the same distance from the undefended model?

    `methods` are the defenses; without any, all that are registered, other packages' too, but for
    red teams, which have a recipe of their own, and those that teach an unrelated style. One that
    is only named is tried at each setting of its class's `ladder`, one with settings at these.
    """

    name: ClassVar[str] = "defenses"
    version: ClassVar[int] = 1

    methods: tuple[Choice, ...] = ()
    variants: tuple[Choice, ...] = ("standard", "chain_of_thought")

    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        for choice in self.methods or map(str, unknowing()):
            settings = DEFENSES.settings(choice)
            alone = settings.keys() == {"name"}
            rungs = DEFENSES.get(settings["name"]).ladder if alone else ({},)
            yield from ({**settings, **rung} for rung in rungs)

    def asks(self, scale: Scale) -> tuple[Ask, ...]:
        again = (relearning(scale),) if self.relearning else ()
        return (*USUAL, *again, *besides(self.evaluations))


def unknowing() -> list[str]:
    """The defenses that are compared where none is named."""
    return [name for name in DEFENSES.names() if compared(DEFENSES.get(name))]


def compared(kind: type[Defense]) -> bool:
    """Whether a defense is one of those: it is told nothing, and done in one go."""
    return (
        kind.knows == "nothing"
        and kind.name != NOTHING.name
        and kind.learns_from != "attacks"
        and kind.teaches != "style"
    )
