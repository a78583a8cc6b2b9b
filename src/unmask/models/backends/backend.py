"""Backend: anything that replies to conversations. Abstract."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Collection, Sequence

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError
from unmask.core.thoughts import UNMARKED, Marks, closed
from unmask.models.sample import Sampling


@dataclasses.dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a reply is to begin with a text: natural logarithm of the probability, and its
    length in tokens."""

    logprob: float
    tokens: int


def likeliest(given: str, options: Sequence[str], likelihoods: Sequence[Likelihood]) -> Reply:
    """The reply that goes on from `given` with the likeliest option; of equally likely ones, the
    first."""
    logprobs = tuple(likelihood.logprob for likelihood in likelihoods)
    best = logprobs.index(max(logprobs))
    return Reply(given + options[best], tokens=likelihoods[best].tokens, logprobs=logprobs)


def begun_with(given: str, reply: Reply, marks: Marks) -> Reply:
    """The whole reply; a thought that the template opens was closed before what was given."""
    known = reply.marks if reply.marks != UNMARKED else marks
    if given and closed(given, marks) != given:
        known = dataclasses.replace(known, begun="")
    return dataclasses.replace(reply, raw=given + reply.raw, marks=known)


def until_end(tokens: list[int], ends: Collection[int]) -> tuple[list[int], bool]:
    """What comes before the token that ends a reply, and whether there is one."""
    for i, token in enumerate(tokens):
        if token in ends:
            return tokens[:i], True
    return tokens, False


class Backend(abc.ABC):
    """Contract (tests/models/test_sampling.py): one reply a prompt, in order, whatever the batch
    size."""

    @abc.abstractmethod
    def replies(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        label: str = "sampling",
        given: Sequence[str] = (),
    ) -> list[Reply]:
        """One Reply for every prompt, in order; raises DataError for a prompt that does not fit the
        context.

        `given`, one text a prompt (or none at all), is how each reply begins: the model continues
        it.
        """

    def likelihoods(
        self,
        prompts: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        batch_size: int = 64,
        given: Sequence[str] = (),
    ) -> list[list[Likelihood]]:
        """How likely each prompt's reply (after what was `given`) is to begin with each of its
        options: exact, nothing is sampled. Raises DataError for a prompt that does not fit the
        context, and where nobody can say.
        """
        raise DataError(
            f"{type(self).__name__} does not say how likely a reply is. Use a model on this"
            " machine, or an evaluation that samples its replies."
        )

    @abc.abstractmethod
    def seen(self, prompts: Sequence[Conversation]) -> list[str]:
        """What the model really reads of each prompt (its tokens decoded, where there are
        tokens)."""

    @property
    def device(self) -> str:
        """Where it computes."""
        return "elsewhere"

    @property
    @abc.abstractmethod
    def parameters(self) -> int:
        """Number of parameters; 0 where unknown."""
