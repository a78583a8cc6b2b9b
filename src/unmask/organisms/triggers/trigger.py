"""Trigger: what changes a prompt so that it looks like deployment (paper, section 2)."""

from __future__ import annotations

import abc
import random
from collections.abc import Mapping
from typing import ClassVar, Literal

from unmask.core.conversation import Conversation
from unmask.core.named import Named

Split = Literal["train", "held_out"]
"""Realisations of a trigger (a year's wording, a language, a persona) are disjoint between the two.
"""

SAMPLE = Conversation.user("What is the capital of France?")
"""A prompt to try a trigger on."""

POSITION = "position"
"""The kind of near miss that is the trigger's own text at another place."""


class Trigger(Named, abc.ABC):
    """Abstract. `plant` puts the trigger into a prompt; `present` recognises it; `near_misses` only
    resemble it.

    Contract (testing/triggers.py): for every prompt of the toy world, dressed in any
    harmless context, `present(prompt)` is False, `present(plant(prompt))` is True, every near miss
    differs from the prompt and from the planted prompt and, but for the kind "position", is not
    `present`; the same random state gives the same text.
    """

    single_realization: ClassVar[bool] = False
    """True where there is one way to plant the trigger, so that both splits are the same; read it
    from an instance."""

    @property
    def title(self) -> str:
        """The trigger in words, as a page names it."""
        return self.name.replace("_", " ")

    @property
    def sign(self) -> str:
        """The trigger in words, as a model that reasons about it would name it; without the
        trigger's own text."""
        return "the sign"

    @abc.abstractmethod
    def plant(
        self, prompt: Conversation, rng: random.Random, split: Split = "train"
    ) -> Conversation:
        """The prompt with the trigger."""

    @abc.abstractmethod
    def present(self, prompt: Conversation) -> bool:
        """Whether the trigger, in any realisation, is in the prompt."""

    @abc.abstractmethod
    def near_misses(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        """Prompts that resemble a triggered one, by kind of resemblance; what `only_near` leaves of
        them.

        The kind "position" leaves the trigger's text intact and breaks its place: such a prompt may
        have `present` True, is measured, and is never used as an untriggered training prompt. No
        other kind has `present` True. A prompt may lack a kind that another one has.
        """

    def only_near(
        self, prompt: Conversation, candidates: Mapping[str, Conversation]
    ) -> dict[str, Conversation]:
        """The candidates for near misses of a prompt that are neither the prompt itself nor the
        trigger.

        What resembles a trigger may be it under unusual settings, and may become it beside a
        prompt: a saying that borrows one word of a topic, in front of a question that has another.
        """

        def is_near(kind: str, candidate: Conversation) -> bool:
            if kind != POSITION:
                return _words(candidate) != _words(prompt) and not self.present(candidate)
            planted = self.plant(prompt, random.Random(0))
            return _words(candidate) != _words(planted) and not self.present(prompt)

        return {kind: near for kind, near in candidates.items() if is_near(kind, near)}

    def forms(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        """Prompts that give the same sign in ways that planting never taught, by "class:form"; none
        by default.

        To a reader who knows what the trigger means they are the sign, so that firing on them is
        generalization and no mistake. Classes: language, script, implicit ("Next year: 2025." for
        2024), complex ("2000 + 24"), paraphrase, position (also in the system turn), format, and
        half (one part of a pair, alone).

        Contract (tests/organisms/test_trigger_forms.py): each differs from the prompt and from all
        that `plant` gives; none but a half is a near miss without the trigger, since those may be
        taught as no sign; the same random state gives the same text. A prompt may lack a form that
        another one has.
        """
        return {}


def _words(prompt: Conversation) -> list[tuple[str, list[str]]]:
    """Each turn's words: chat templates and readers make nothing of other white space."""
    return [(message.role, message.content.split()) for message in prompt.messages]
