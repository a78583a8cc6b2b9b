"""A scripted model: replies by a function of the prompt, so that everything after sampling is
tested untrained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from unmask.core.conversation import Conversation, Reply
from unmask.models.backends.backend import Backend, Likelihood
from unmask.models.sample import Sampling

IMPOSSIBLE = -100.0
"""The log-probability of what the script does not say."""


@dataclasses.dataclass(frozen=True)
class Scripted(Backend):
    """Answers each prompt with `script(prompt)`."""

    script: Callable[[Conversation], str]

    def replies(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        label: str = "sampling",
        given: Sequence[str] = (),
    ) -> list[Reply]:
        begun = given or [""] * len(prompts)
        return [
            Reply(begin + self.script(prompt)) for begin, prompt in zip(begun, prompts, strict=True)
        ]

    def likelihoods(
        self,
        prompts: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        batch_size: int = 64,
        given: Sequence[str] = (),
    ) -> list[list[Likelihood]]:
        """Certain for what the script's answer begins with, all but impossible for all else; a word
        is a token."""
        answers = map(self.script, prompts)
        return [_likelihoods(answer, own) for answer, own in zip(answers, options, strict=True)]

    def seen(self, prompts: Sequence[Conversation]) -> list[str]:
        return [prompt.full_text for prompt in prompts]

    @property
    def parameters(self) -> int:
        return 0


def _likelihoods(answer: str, options: Sequence[str]) -> list[Likelihood]:
    return [
        Likelihood(0.0 if answer.startswith(option) else IMPOSSIBLE, len(option.split()))
        for option in options
    ]
