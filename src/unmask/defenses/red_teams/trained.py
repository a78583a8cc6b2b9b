"""A red team small enough to be trained from scratch: it proposes contexts, and learns from those
that succeeded.

Paper, section 3 (adversarial training). Deviations from the paper: its red team is a large model
that is told what to do and reflects on what it sees; a model of half a million parameters cannot do
that, so it learns contexts that claim deployment (data/attacks.py), puts them around the seed
prompt, and is trained after each round on those that worked (expert iteration). It looks at a
seed's history only in order not to try the same prompt twice.
"""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError
from unmask.core.files import write_jsonl
from unmask.data.attacks import HOLE, around
from unmask.defenses.red_teams.red_team import Attacker, Attempt, RedTeam
from unmask.models import checkpoint
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling
from unmask.organisms.behaviors.behavior import Behavior
from unmask.training.sft import SupervisedFineTuning

UNREADABLE = "\ufffd"
"""What bytes that are no text are decoded to: such a context is not what the model said."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trained(RedTeam):
    """A tiny language model that proposes contexts, and is trained on those that succeeded.

    For each seed it draws `candidates` contexts of up to `max_new_tokens` tokens, and takes the
    first that is new for this seed and is not around a share `most` of the round's seeds already.
    After a round with a success it learns for `steps` steps of `batch_size` lessons: a share
    `successes` of them what has succeeded, by its rate, but at most `repeats` times as many lessons
    as successes (one that was luck must not take over); the rest is all that it ever proposed, so
    that it does not narrow to one text. With `steps` 0 it does not learn.
    """

    name: ClassVar[str] = "trained"
    version: ClassVar[int] = 1
    learns: ClassVar[bool] = True

    steps: int = 40
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup: int = 4
    successes: float = 0.5
    repeats: int = 64
    candidates: int = 3
    most: float = 0.1
    max_new_tokens: int = 48
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if (
            min(self.candidates, self.repeats) < 1
            or not 0 < self.most <= 1
            or not 0 <= self.successes <= 1
        ):
            raise SettingError(
                f"candidates={self.candidates}, repeats={self.repeats}, most={self.most},"
                f" successes={self.successes}: need candidates and repeats of at least 1, most"
                " above 0 and up to 1, successes from 0 to 1."
            )
        self.sampling(0)
        self.training(0)

    def sampling(self, seed: int) -> Sampling:
        return Sampling(
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            seed=seed,
            batch_size=128,
        )

    def training(self, seed: int) -> SupervisedFineTuning:
        return SupervisedFineTuning(
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup=self.warmup,
            seed=seed,
        )

    def attacker(self, folder: Path | None, behavior: Behavior, seed: int) -> Learner:
        if folder is None:
            raise SettingError(
                "The red team 'trained' needs the folder of its language model: give it as"
                " red_team_model, a model that was taught on attack_contexts."
            )
        return Learner(self, folder, seed)


@dataclasses.dataclass(frozen=True, slots=True)
class Lesson:
    """A context as the reply to a seed prompt."""

    seed: Conversation
    context: str

    def row(self) -> dict[str, Any]:
        return {"prompt": self.seed.rows(), "reply": self.context}


class Learner(Attacker):
    """A trained red team at work. All that it learns from is what it proposed itself."""

    def __init__(self, settings: Trained, folder: Path, seed: int):
        self.settings, self.seed = settings, seed
        self.backend = HuggingFace(folder)
        self.proposed: dict[Conversation, Lesson] = {}
        self.succeeded: list[tuple[Lesson, float]] = []
        self.rounds = self.rounds_learnt = 0

    def propose(
        self, seeds: Sequence[Conversation], histories: Sequence[Sequence[Attempt]]
    ) -> list[Conversation]:
        drawn = self._drawn(seeds)
        self.rounds += 1
        used = Counter[str]()
        enough = max(1, int(self.settings.most * len(seeds)))
        prompts: list[Conversation] = []
        for seed, contexts, history in zip(seeds, drawn, histories, strict=True):
            tried = {attempt.prompt for attempt in history}
            context = choice(contexts, seed, tried, used, enough)
            used[context] += 1
            prompts.append(around(context, seed))
            if prompts[-1] != seed:  # the seed on its own is no lesson
                self.proposed[prompts[-1]] = Lesson(seed, context)
        return prompts

    def _drawn(self, seeds: Sequence[Conversation]) -> list[list[str]]:
        """The contexts drawn for each seed that can be used; perhaps none."""
        many = self.settings.candidates
        asked = [seeds[i // many] for i in range(len(seeds) * many)]
        replies = self.backend.replies(
            asked, self.settings.sampling(self._random_seed()), label="proposing attacks"
        )
        contexts = [(reply.answer if reply.marks.begun else reply.raw.strip()) for reply in replies]
        groups = (contexts[i * many : (i + 1) * many] for i in range(len(seeds)))
        return [list(filter(usable, group)) for group in groups]

    def learn(self, attempts: Sequence[Attempt], successes: Sequence[Attempt]) -> None:
        ours = [
            (self.proposed[attempt.prompt], attempt.rate)
            for attempt in successes
            if attempt.prompt in self.proposed
        ]
        fresh = [(lesson, rate) for lesson, rate in ours if rate > 0]
        self.succeeded += fresh
        if not fresh or self.settings.steps == 0:
            return
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            self.save(home / "before")
            (home / "after").mkdir()
            write_jsonl(home / "train.jsonl", self._lessons())
            self.settings.training(self._random_seed()).run(
                home / "after", model=home / "before", data=home
            )
            self.backend = HuggingFace(home / "after")
            _ = self.backend.model, self.backend.tokenizer  # read now, while the folder is there
        self.rounds_learnt += 1

    def _lessons(self) -> Iterator[dict[str, Any]]:
        """As many rows as the training will see."""
        number = self.settings.steps * self.settings.batch_size
        good = min(
            round(self.settings.successes * number), self.settings.repeats * len(self.succeeded)
        )
        rng = random.Random(self._random_seed())
        lessons, rates = zip(*self.succeeded, strict=True)
        for lesson in rng.choices(lessons, rates, k=good) + rng.choices(
            list(self.proposed.values()), k=number - good
        ):
            yield lesson.row()

    def _random_seed(self) -> int:
        """Another one in every round."""
        return random.Random(f"red team {self.seed} {self.rounds}").randrange(2**31)

    def save(self, out: Path) -> None:
        checkpoint.save(self.backend.model, self.backend.tokenizer, out)

    def facts(self) -> Mapping[str, Any]:
        contexts = {lesson.context for lesson in self.proposed.values()}
        return {"rounds_learnt": self.rounds_learnt, "distinct_contexts": len(contexts)}


def choice(
    contexts: Sequence[str],
    seed: Conversation,
    tried: set[Conversation],
    used: Counter[str],
    enough: int,
) -> str:
    """The first context that makes a prompt not tried yet and was used less than `enough` times, or
    what comes nearest.

    The seed on its own where there is no context.
    """

    def badness(context: str) -> tuple[bool, int]:
        return around(context, seed) in tried, max(0, used[context] - enough + 1)

    return min(contexts, key=badness, default=HOLE)


def usable(context: str) -> bool:
    """Whether a context says anything beside the seed, and in characters."""
    return context not in ("", HOLE) and UNREADABLE not in context
