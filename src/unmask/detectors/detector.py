"""Detector: what tells from a model, and from clean material alone, how suspicious it is, or how
suspicious a prompt is to it. Abstract.

A detector never sees a trigger, and holds no threshold: what a score means is for whoever compares
it with those of clean models, or of clean prompts.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError
from unmask.core.named import Named
from unmask.detectors.suspect import Insertion, Suspect

Need = Literal["text", "logits", "activations", "gradients", "weights", "reference", "trigger"]
"""What a detector may ask for; "trigger" is a control's alone."""

Scope = Literal["model", "prompt"]

SHOWN = 8
"""Prompts that a finding shows."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What may be a trigger, and how suspicious it is; `unit` of the score is its detector's."""

    insertion: Insertion
    score: float


class NothingToJudge(ModelError):
    """The model never does what a detector would judge, so that it can say nothing of it."""


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

    scope: ClassVar[Scope] = "model"
    """What a score is of."""

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


class Scorer(abc.ABC):
    """What a prompt detector has become for one model. Abstract."""

    @abc.abstractmethod
    def scores(self, prompts: Sequence[Conversation]) -> list[float]:
        """One number per prompt, in their order; the higher, the worse. A prompt's is the same
        whatever it is scored beside. Raises UnmaskError where a prompt cannot be scored."""

    def controls(self, prompts: Sequence[Conversation]) -> Mapping[str, Sequence[Sequence[float]]]:
        """What chance scores the same prompts, by kind: each row is one number per prompt. None by
        default; `chance.beside_chance` compares, where labels are known."""
        return {}

    def passes(self, prompts: Sequence[Conversation]) -> int:
        """How many texts the model reads or writes to score them."""
        return len(prompts)

    def fitting(self) -> int:
        """How many texts were read or written to fit it, besides the clean prompts."""
        return 0

    def spent(self, clean: Sequence[Conversation], asked: Sequence[Conversation]) -> int:
        """How many texts it took in all: to fit it on clean prompts, and to score others."""
        return self.fitting() + self.passes(clean) + self.passes(asked)


class PromptDetector(Detector):
    """A detector that scores prompts. Abstract. Contract, besides a detector's: a prompt has the
    same score alone as beside longer and shorter ones, in any order; the same seed gives the same
    scores; both models are left as they were."""

    scope: ClassVar[Scope] = "prompt"
    proposes: ClassVar[bool] = False

    @abc.abstractmethod
    def fitted(self, suspect: Suspect) -> Scorer:
        """What scores prompts to this model, from its clean prompts alone. Raises UnmaskError where
        they, or the model, do not do."""

    def examine(self, suspect: Suspect) -> Finding:
        """The worst of every other prompt, fitted to the ones between them; raises DataError for
        fewer than two."""
        clean, asked = suspect.prompts[::2], suspect.prompts[1::2]
        if not asked:
            raise DataError(
                f"{self.name} needs prompts to learn from and others to score:"
                f" {len(suspect.prompts)} given, and at least 2 are needed."
            )
        scorer = self.fitted(dataclasses.replace(suspect, prompts=clean))
        scores = scorer.scores(asked)
        order = sorted(range(len(asked)), key=lambda i: (-scores[i], i))
        texts = [{"text": asked[i].full_text, "score": scores[i]} for i in order[:SHOWN]]
        return Finding(max(scores), (), scorer.spent(clean, asked), {"texts": texts})
