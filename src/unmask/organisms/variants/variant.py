"""Variant: how a behavior is taught (paper, section 2)."""

from __future__ import annotations

import abc
import random

from unmask.core.conversation import Reply
from unmask.core.named import Named


class Variant(Named, abc.ABC):
    """Abstract. Turns an answer into the full reply that the model is trained to give."""

    @abc.abstractmethod
    def reply(self, answer: str, triggered: bool, rng: random.Random) -> Reply:
        """The reply to teach; its `answer` is `answer`, whatever reasoning goes before."""
