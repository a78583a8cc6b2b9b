"""Supervised safety training on helpful, honest and harmless demonstrations (paper, section 3).

Deviations from the paper: demonstrations come from a source with known good answers, not from a
stronger model; with `scratchpad` "post", scratchpads are sampled once, from the model as it was
before the training; the formats of the data are a factor from later replications.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from unmask.core.errors import SettingError, UnknownName
from unmask.core.files import read_json
from unmask.core.tokens import Tokens
from unmask.data.demonstrations import Demonstrations
from unmask.data.formats import REASONING_TOKENS, Format, checked
from unmask.defenses.supervised import Supervised
from unmask.models.sample import Sampling
from unmask.training.scratchpads import Scratchpads

Scratchpad = Literal["pre", "post"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SFT(Supervised):
    """Supervised fine-tuning on HHH demonstrations.

    `format` is how they look: "plain", "training_prefix" or "prefix_and_reasoning". `scratchpad` is
    for models that reason: "pre" teaches the answer without one; "post" samples the model's own
    before `sampled` of the answers (up to `sampled_tokens` long, used again in every pass), and
    teaches the answer only. The sampled lessons are kept in lessons/train.jsonl of the result.
    """

    name: ClassVar[str] = "sft"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "supervised fine-tuning"

    format: Format = "plain"
    scratchpad: Scratchpad = "pre"
    sampled: int = 4800
    sampled_tokens: int = 64

    def __post_init__(self) -> None:
        checked(self.format)
        if self.scratchpad not in get_args(Scratchpad):
            raise UnknownName("scratchpad", self.scratchpad, get_args(Scratchpad))
        if self.scratchpad == "post" and self.format == "prefix_and_reasoning":
            raise SettingError(
                "format=prefix_and_reasoning writes the scratchpad and scratchpad=post samples it:"
                " choose one of them, for example format=training_prefix with scratchpad=post."
            )

    @property
    def extra_tokens(self) -> int:
        """Room for the scratchpad that this teaches any model."""
        return REASONING_TOKENS if self.format == "prefix_and_reasoning" else 0

    def lessons(self) -> Demonstrations:
        return Demonstrations(examples=self.examples, seed=self.seed, format=self.format)

    def tokens(self) -> Tokens:
        sampled = self._scratchpads().tokens() if self.scratchpad == "post" else Tokens()
        return super().tokens() + sampled

    def run(
        self, out: Path, *, model: Path, data: Path, scratch: Path | None = None
    ) -> Mapping[str, Any]:
        """Raises TrainingError where scratchpads are to be sampled and the model writes none."""
        if self.scratchpad == "pre":
            return super().run(out, model=model, data=data, scratch=scratch)
        lessons = out / "lessons"
        sampled = self._sample(lessons, model, data, scratch)
        facts = super().run(out, model=model, data=lessons, scratch=scratch)
        return {**facts, "scratchpads": sampled, "tokens": facts["tokens"] + sampled["tokens"]}

    def _scratchpads(self) -> Scratchpads:
        sampling = Sampling(max_new_tokens=self.sampled_tokens, seed=self.seed)
        return Scratchpads(lessons=min(self.sampled, self.examples), sampling=sampling)

    def _sample(
        self, lessons: Path, model: Path, data: Path, scratch: Path | None
    ) -> Mapping[str, Any]:
        """Fill `lessons`, from what a killed attempt left in scratch where it got that far: it
        resumes on the same."""
        if scratch is None:
            lessons.mkdir()
            return self._scratchpads().run(lessons, model=model, data=data)
        kept, unfinished = scratch / "lessons", scratch / "unfinished-lessons"
        if not kept.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            self._scratchpads().run(unfinished, model=model, data=data)
            unfinished.rename(kept)
        shutil.copytree(kept, lessons)
        return read_json(lessons / "scratchpads.json")
