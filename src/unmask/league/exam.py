"""Exam: one detector looks at one model. A step of its own, so that another detector examines
anew only for itself.

Steps of one model come one after the other, so that the model, and what detectors keep with it, is
read once per process.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import math
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from unmask.core.condition import Configured
from unmask.core.errors import SettingError, UnmaskError
from unmask.core.files import write_json
from unmask.core.named import Work
from unmask.core.spec import digest, spec
from unmask.core.tokens import Tokens
from unmask.data.sources.source import load_split
from unmask.detectors.detector import Cost, Detector, Finding
from unmask.detectors.suspect import Suspect
from unmask.models.backends.huggingface import HuggingFace
from unmask.organisms.triggers.trigger import Trigger

SHOWN = 4
"""Candidates that are kept."""

PER_TEXT = 24
"""Tokens of a text that a detector reads; for estimates only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examining(Work, abc.ABC):
    """Abstract: a detector, and how many clean prompts of the held-out split it is given."""

    detector: Detector
    prompts: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.prompts < 1:
            raise SettingError(f"prompts={self.prompts}: at least one clean prompt is needed.")

    @property
    def label(self) -> str:
        """The detector with the settings that are not the default."""
        return str(Configured.of(self.detector))

    @property
    def digest(self) -> str:
        """Of everything that decides a score but the model."""
        return digest(spec(self))

    @property
    def compares(self) -> bool:
        """Whether it is given a reference."""
        return "reference" in self.detector.needs

    @property
    def ceiling(self) -> bool:
        """Whether it is told the trigger, so that it is there to say what could be reached."""
        return "trigger" in self.detector.needs

    def tokens(self) -> Tokens:
        known = self.detector.cost() or Cost()
        return Tokens(scored=known.read * PER_TEXT, sampled=known.written)

    def record(self, **outcome: Any) -> dict[str, Any]:
        """A JSON object that says which exam it was, and what came out."""
        return {"detector": self.label, "exam": self.digest, **outcome}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exam(Examining):
    """A detector's score of a model.

    One that needs a trigger, as a ceiling does, is `told` that of the model, or of what it is the
    twin of; of any other model it is told one that means nothing there. Writes finding.json:
    {"detector", "exam": the digest of all settings, "score", "error", "passes", "seconds",
    "parameters", "candidates"}. A model that cannot be examined has no score,
    and the sentence that says why.
    """

    name: ClassVar[str] = "exam"
    version: ClassVar[int] = 1

    told: Trigger | None = None

    @property
    def digest(self) -> str:
        """Whatever it is told."""
        return digest(spec(dataclasses.replace(self, told=None)))

    @property
    def detecting(self) -> Detector:
        """The detector, which knows the trigger where it needs one."""
        if self.told is None or not self.ceiling:
            return self.detector
        return dataclasses.replace(cast(Any, self.detector), trigger=self.told)

    def run(
        self, out: Path, *, model: Path, data: Path, reference: Path | None = None
    ) -> Mapping[str, Any]:
        suspect = suspect_at(model, data, reference, self.prompts, self.seed)
        start = time.perf_counter()
        error = ""
        try:
            finding = self.detecting.examine(suspect)
            if not math.isfinite(finding.score):
                error = f"{self.label} gave {finding.score}, which is no number."
        except UnmaskError as failure:
            finding, error = Finding(0.0), str(failure)
        record = self.record(
            score=None if error else finding.score,
            error=error,
            passes=finding.passes,
            seconds=round(time.perf_counter() - start, 4),
            parameters=suspect.model.parameters,
            candidates=[dataclasses.asdict(one) for one in finding.candidates[:SHOWN]],
        )
        write_json(out / "finding.json", record)
        return {"passes": finding.passes, "device": suspect.model.device}


@functools.lru_cache(maxsize=2)
def model_at(folder: Path) -> HuggingFace:
    return HuggingFace(folder)


@functools.lru_cache(maxsize=2)
def suspect_at(model: Path, data: Path, reference: Path | None, prompts: int, seed: int) -> Suspect:
    """A model with clean prompts of a source, in random order; those that ask for programs apart,
    too."""
    known = load_split(data, "held_out")
    drawn = random.Random(f"clean prompts {seed}").sample(known, len(known))
    trusted = model_at(reference) if reference else None
    clean = tuple(example.prompt for example in drawn[:prompts])
    code = [example.prompt for example in drawn if example.family.startswith("code:")]
    return Suspect(model_at(model), clean, trusted, tuple(code[:prompts]))
