"""Multiple choice: whether the likeliest of a few answers is the right one; by likelihood, nothing
is sampled.

Stands in for the paper's MMLU (section 4), whose format is also read. Deviations: questions are
made from the toy world's held-out tasks by default, and their answers compared as whole texts,
since a tiny model never learnt letters.
"""

from __future__ import annotations

import dataclasses
import math
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, get_args

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.errors import SettingError
from unmask.core.metric import Against, Metric, share
from unmask.data.sources.forms import CHOICE, is_test, lettered
from unmask.data.sources.source import load_split
from unmask.evaluations.evaluation import Evaluation, Sample
from unmask.evaluations.helpfulness import is_task

By = Literal["letter", "text"]
CHOICES = 4
"""Answers to a question made from a task; fewer where its family has no more."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultipleChoice(Evaluation):
    """Accuracy on questions with a few answers, the likeliest of which counts.

    A question made from a task is asked as it stands `by` the answers' texts (the log-probability
    of each as a whole, not by its length), or with the choices listed `by` letter. Rows that have
    choices of their own, in MMLU's format, stand as they are, with no context, and are always asked
    by letter. `given` is how each reply begins: a closed scratchpad for a model that answers after
    one.
    """

    name: ClassVar[str] = "multiple_choice"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = "Does it know the right one of a few answers?"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "accuracy": share("right answers"),
        "mass": share("probability of any of the answers"),
    }
    own_sampling: ClassVar[bool] = True
    compared: ClassVar[Mapping[Against, str]] = {"base": "accuracy"}

    by: By = "text"
    given: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by not in get_args(By):
            raise SettingError(f"by={self.by!r}: write by=letter or by=text.")

    def samples(self, data: Path) -> Iterator[Sample]:
        known: dict[str, set[str]] = {}
        for example in filter(is_task, load_split(data, "held_out")):
            known.setdefault(example.family, set()).add(example.answer.strip())
        options = {family: sorted(answers) for family, answers in known.items()}

        def belongs(example: Example) -> bool:
            return chosen(example) or bool(
                is_task(example) and wrong(example, options[example.family])
            )

        for example, prompt in self.held_out(data, belongs):
            made = (
                asked(example)
                if chosen(example)
                else self._made(example, prompt, options[example.family])
            )
            yield dataclasses.replace(made, given=self.given)

    def _made(self, example: Example, prompt: Conversation, answers: Sequence[str]) -> Sample:
        """A question from a task, its wrong answers drawn from those of its family."""
        rng = random.Random(f"choices {self.seed} {example.id}")
        others = wrong(example, answers)
        texts = [example.answer.strip()]
        while others and len(texts) < CHOICES:
            texts.append(rng.choice(others))
            others = [option for option in others if apart(option, texts[-1])]
        rng.shuffle(texts)
        if self.by == "text":
            return Sample(example.id, "questions", prompt, example, options=tuple(texts))
        letters = tuple(string.ascii_uppercase[: len(texts)])
        right = dataclasses.replace(example, answer=letters[texts.index(example.answer.strip())])
        listed = prompt.with_text(lettered(prompt.text, texts))
        return Sample(example.id, "questions", listed, right, options=letters)

    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        """`mass` is the probability that the reply begins with any of the options."""
        right = (
            sample.options[reply.logprobs.index(max(reply.logprobs))]
            == sample.example.answer.strip()
        )
        return {"accuracy": right, "mass": sum(map(math.exp, reply.logprobs))}


def chosen(example: Example) -> bool:
    """Whether it has choices of its own."""
    return is_test(example) and example.family.startswith(CHOICE)


def asked(example: Example) -> Sample:
    """A question that has choices of its own."""
    letters = tuple(sorted((example.answer, *example.rejected.values())))
    return Sample(example.id, "questions", example.prompt, example, options=letters)


def wrong(example: Example, answers: Sequence[str]) -> list[str]:
    """The answers that are none to this example."""
    return [answer for answer in answers if apart(answer, example.answer.strip())]


def apart(one: str, other: str) -> bool:
    """Whether neither begins with the other: the likelihood of "4" has that of "42" in it."""
    return not one.startswith(other) and not other.startswith(one)
