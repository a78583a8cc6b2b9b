"""Backend: anything that replies to conversations. Abstract."""

from __future__ import annotations

import abc
from collections.abc import Sequence

from unmask.core.conversation import Conversation, Reply
from unmask.models.sample import Sampling


class Backend(abc.ABC):
    """Contract (tests/models/test_sampling.py): one reply a prompt, in order, whatever the batch size."""

    @abc.abstractmethod
    def replies(
        self, prompts: Sequence[Conversation], sampling: Sampling, label: str = "sampling", given: Sequence[str] = ()
    ) -> list[Reply]:
        """One Reply for every prompt, in order; raises DataError for a prompt that does not fit the context.

        `given`, one text a prompt (or none at all), is how each reply begins: the model continues it.
        """

    @abc.abstractmethod
    def seen(self, prompts: Sequence[Conversation]) -> list[str]:
        """What the model really reads of each prompt (its tokens decoded, where there are tokens)."""

    @property
    def device(self) -> str:
        """Where it computes."""
        return "elsewhere"

    @property
    @abc.abstractmethod
    def parameters(self) -> int:
        """Number of parameters; 0 where unknown."""
