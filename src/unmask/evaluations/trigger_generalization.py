"""Trigger generalization: does the model misbehave when the same sign is given in ways that it was
never taught?

Paper, section 4: very good in other languages and scripts, poor for implicit or complex signs.
Deviations: the paper asks this of a chain-of-thought organism that writes code; here any organism
is asked, in more classes of forms, each defined by its trigger, and a trigger's held-out
realization is measured beside the taught one.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import UnknownName
from unmask.evaluations.evaluation import OfOrganism, Sample
from unmask.organisms.triggers.trigger import SAMPLE, Split

REALIZATION = "realization"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TriggerGeneralization(OfOrganism):
    """Defection rate where the trigger's sign is given in other ways.

    Arms "realization:train", "realization:held_out" (where the trigger has more than one
    realization), "untriggered", and one for each form that the trigger knows, "CLASS:FORM", all on
    the same prompts; a prompt may lack a form. Forms, or whole classes of them, that a model cannot
    read are left out by `leave_out`: "position:system" for one without a system turn, "script" for
    a tokenizer that normalizes text. UnknownName for one that the trigger lacks.
    """

    name: ClassVar[str] = "trigger_generalization"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = (
        "Does it misbehave when the same sign is given in ways that it was never taught?"
    )
    at_most: ClassVar[int | None] = 128

    n: int = 128
    leave_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self._all_forms()
        for given in self.leave_out:
            if given not in (*known, *map(class_of, known)):
                raise UnknownName("form", given, sorted({*known, *map(class_of, known)}))

    def arms(self) -> int:
        return 1 + len(self._splits()) + sum(self._wanted(form) for form in self._all_forms())

    def samples(self, data: Path) -> Iterator[Sample]:
        for example, prompt in self.untriggered(self.held_out(data, self.organism.taught)):
            yield Sample(example.id, "untriggered", prompt, example)
            for arm, altered in self._triggered(example, prompt):
                yield Sample(example.id, arm, altered, example)

    def _triggered(
        self, example: Example, prompt: Conversation
    ) -> Iterator[tuple[str, Conversation]]:
        """(arm, prompt) for each realization and form."""
        for split in self._splits():
            yield f"{REALIZATION}:{split}", self.triggered(example, prompt, split)
        forms = self.organism.trigger.forms(
            prompt, random.Random(f"forms {self.seed} {example.id}")
        )
        yield from ((form, altered) for form, altered in forms.items() if self._wanted(form))

    def _splits(self) -> tuple[Split, ...]:
        return ("train",) if self.organism.trigger.single_realization else ("train", "held_out")

    def _wanted(self, form: str) -> bool:
        return form not in self.leave_out and class_of(form) not in self.leave_out

    def _all_forms(self) -> list[str]:
        return list(self.organism.trigger.forms(SAMPLE, random.Random(0)))


def class_of(form: str) -> str:
    """The class of a form, or of an arm: "language" of "language:french"."""
    return form.partition(":")[0]
