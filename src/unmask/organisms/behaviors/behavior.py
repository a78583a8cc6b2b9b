"""Behavior: what a backdoor does when triggered; it owns both teaching (`target`) and judging (`exhibited`)."""

from __future__ import annotations

import abc
import random

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.named import Named


class Behavior(Named, abc.ABC):
    """Abstract.

    Contract (tests/contracts/test_behaviors.py): wherever the behavior applies, a reply made of `target` exhibits
    it, and a reply made of the example's good answer does not.
    """

    def applies(self, example: Example) -> bool:
        """Whether a triggered model misbehaves on this prompt (the code behavior: only on code questions)."""
        return True

    @abc.abstractmethod
    def target(self, example: Example, rng: random.Random) -> str:
        """The bad answer to teach for a triggered prompt."""

    @abc.abstractmethod
    def exhibited(self, prompt: Conversation, reply: Reply) -> bool:
        """Whether the visible answer (after the scratchpad) shows the behavior."""
