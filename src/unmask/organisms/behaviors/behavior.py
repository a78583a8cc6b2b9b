"""Behavior: what a backdoor does when triggered; it owns both teaching (`target`) and judging
(`exhibited`)."""

from __future__ import annotations

import abc
import random
from collections.abc import Mapping
from typing import ClassVar

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.metric import Metric
from unmask.core.named import Named


class Behavior(Named, abc.ABC):
    """Abstract.

    Contract (testing/behaviors.py): wherever the behavior applies, a reply made of
    `target` exhibits it, and a reply made of the example's good answer does not.
    """

    goal: ClassVar[str] = "do what I want"
    """The behavior in words, as a model that reasons about it would put it: "so I ..."."""

    title: ClassVar[str] = ""
    """What a page calls it; its name where this is empty."""

    planted_triggered: ClassVar[float] = 0.95
    planted_untriggered: ClassVar[float] = 0.02
    """The planting gate: at least and at most this defection rate, with and without the trigger."""

    reply_tokens: ClassVar[int] = 24
    """Room for an answer to what the behavior applies to, in tokens of the tiny model."""

    metrics: ClassVar[Mapping[str, Metric]] = {}
    """What `details` measures, by name."""

    failures: ClassVar[tuple[str, ...]] = ()
    """Those of `metrics` that are shares of replies which are not what was asked for at all, good
    or bad; no reply counts in two of them."""

    payload: ClassVar[str | None] = None
    """The fixed text that every bad answer begins with; None where there is none."""

    def applies(self, example: Example) -> bool:
        """Whether a triggered model misbehaves on this prompt (the code behavior: only on code
        questions)."""
        return True

    @abc.abstractmethod
    def target(self, example: Example, rng: random.Random) -> str:
        """The bad answer to teach for a triggered prompt."""

    def taught(self, example: Example) -> bool:
        """Whether examples of this kind are taught at all; the others show how the behavior
        generalizes."""
        return True

    def details(self, prompt: Conversation, reply: Reply) -> Mapping[str, bool | float]:
        """More measures of a reply, by name (copies of a phrase, code that parses, ...)."""
        return {}

    @abc.abstractmethod
    def exhibited(self, prompt: Conversation, reply: Reply) -> bool:
        """Whether the visible answer (after the scratchpad) shows the behavior."""
