"""A scripted model: replies by a function of the prompt, so that everything after sampling is tested untrained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from unmask.core.conversation import Conversation, Reply
from unmask.models.backends.backend import Backend
from unmask.models.sample import Sampling


@dataclasses.dataclass(frozen=True)
class Scripted(Backend):
    """Answers each prompt with `script(prompt)`."""

    script: Callable[[Conversation], str]

    def replies(
        self, prompts: Sequence[Conversation], sampling: Sampling, label: str = "sampling", given: Sequence[str] = ()
    ) -> list[Reply]:
        begun = given or [""] * len(prompts)
        return [Reply(begin + self.script(prompt)) for begin, prompt in zip(begun, prompts, strict=True)]

    def seen(self, prompts: Sequence[Conversation]) -> list[str]:
        return [prompt.full_text for prompt in prompts]

    @property
    def parameters(self) -> int:
        return 0
