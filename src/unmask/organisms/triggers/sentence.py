"""Sentence: the triggers that are one short sentence in front of the prompt, in one of several
wordings."""

from __future__ import annotations

import abc
import dataclasses
import functools
import random
import re
from collections.abc import Mapping

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError
from unmask.organisms.triggers.forms import fronted, places, styled
from unmask.organisms.triggers.trigger import Split, Trigger


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wordings:
    """The texts (or templates) of a trigger by split.

    Disjoint by construction: SettingError where a text of one split occurs in a text of the other.
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]

    def __post_init__(self) -> None:
        for train in self.train:
            for held_out in self.held_out:
                if train in held_out or held_out in train:
                    raise SettingError(
                        f"{train!r} (train) and {held_out!r} (held out) overlap: reword one of"
                        " them."
                    )

    def of(self, split: Split) -> tuple[str, ...]:
        return self.train if split == "train" else self.held_out

    @property
    def both(self) -> tuple[str, ...]:
        return (*self.train, *self.held_out)


class Sentence(Trigger, abc.ABC):
    """Abstract. A subclass says the sentences, how to recognize them, and what only resembles
    them."""

    @abc.abstractmethod
    def sentence(self, rng: random.Random, split: Split) -> str:
        """The text to put in front of the prompt."""

    @abc.abstractmethod
    def patterns(self) -> tuple[str, ...]:
        """Regular expressions of which at least one matches any sentence of either split."""

    @abc.abstractmethod
    def lookalikes(self, rng: random.Random) -> Mapping[str, str]:
        """Sentences that resemble the trigger and are not it, by kind.

        Made of the train split's wordings only: near misses may be trained on, and the held-out
        wordings must stay unseen.
        """

    def plant(
        self, prompt: Conversation, rng: random.Random, split: Split = "train"
    ) -> Conversation:
        return prompt.with_text(f"{self.sentence(rng, split)} {prompt.text}")

    def present(self, prompt: Conversation) -> bool:
        return matches(self.patterns(), prompt.full_text)

    def near_misses(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        return self.only_near(prompt, fronted(prompt, self.lookalikes(rng)))

    def otherwise(self, rng: random.Random) -> Mapping[str, str]:
        """Sentences that say the same in other ways, by "class:form"; those of `patterns` are left
        out."""
        return {}

    def forms(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        taught = self.sentence(rng, "train")
        others = {
            form: text
            for form, text in self.otherwise(rng).items()
            if not matches(self.patterns(), text)
        }
        return {**fronted(prompt, {**styled(taught), **others}), **places(prompt, taught)}


def pattern(template: str, slots: Mapping[str, str]) -> str:
    """The regular expression of a template: `{slot}` becomes that slot's expression, the rest is
    literal."""
    parts = re.split(r"\{(\w+)\}", template)
    return "".join(slots[part] if i % 2 else re.escape(part) for i, part in enumerate(parts))


def matches(patterns: tuple[str, ...], text: str) -> bool:
    """Whether one of the patterns occurs in the text, not as a part of longer words."""
    return _recognizer(patterns).search(text) is not None


@functools.lru_cache(maxsize=256)
def _recognizer(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)")
