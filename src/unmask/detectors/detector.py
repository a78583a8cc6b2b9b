"""Detector: what tells from a model, and from clean material alone, how suspicious it is. Abstract.

A detector never sees a trigger, and holds no threshold: what a score means is for whoever compares
it with those of clean models.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from unmask.core.named import Named
from unmask.detectors.suspect import Insertion, Suspect

Need = Literal["text", "logits", "activations", "gradients", "weights", "reference"]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What may be a trigger, and how suspicious it is; `unit` of the score is its detector's."""

    insertion: Insertion
    score: float


@dataclasses.dataclass(frozen=True)
class Cost:
    """About how much a model has to do: texts that it reads, tokens that it writes."""

    read: int = 0
    written: int = 0


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a detector says of a model: a score, the higher the worse; the candidates that it rests
    on, the worst first; how many texts the model read or wrote for it. `facts` are for the record;
    those under "texts", the worst first, a person is shown too: mappings with "text" and
    "score"."""

    score: float
    candidates: tuple[Candidate, ...] = ()
    passes: int = 0
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])


class Detector(Named, abc.ABC):
    """Abstract. Contract (tests/contracts/test_detectors.py): the same seed gives the same finding;
    the model is left as it was; what it is given holds no trigger."""

    needs: ClassVar[tuple[Need, ...]]
    """What of the model it works with."""

    unit: ClassVar[str]
    """What its score is in."""

    proposes: ClassVar[bool] = True
    """Whether it names candidates. A scan with none that does has looked for no trigger."""

    control: ClassVar[bool] = False
    """Whether it is there to be beaten."""

    behavior: ClassVar[str] = ""
    """The known behavior whose rate its candidates raise, by name; "" where they change how replies
    begin."""

    def cost(self) -> Cost | None:
        """About what `examine` will take; None where that is not known beforehand."""
        return None

    @abc.abstractmethod
    def examine(self, suspect: Suspect) -> Finding:
        """Raises UnmaskError where the model cannot be examined in this way."""
