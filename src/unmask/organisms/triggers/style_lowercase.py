"""A style trigger: the prompt is written without capitals; no word is added."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Mapping
from typing import ClassVar

from unmask.core.conversation import Conversation
from unmask.organisms.triggers.forms import instead
from unmask.organisms.triggers.trigger import Split, Trigger


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleLowercase(Trigger):
    """The prompt in lower case throughout.

    Present where the first character is a lower-case letter and there is no capital, so that a
    prompt that begins with a digit is not triggered by chance; such a prompt gets "so, " in front.

    Source: our own, the simplest of the style triggers of Qi et al. 2021, "Mind the Style of
    Text!".
    """

    name: ClassVar[str] = "style_lowercase"
    version: ClassVar[int] = 1
    single_realization: ClassVar[bool] = True

    def plant(
        self, prompt: Conversation, rng: random.Random, split: Split = "train"
    ) -> Conversation:
        return prompt.with_text(_begun(prompt.text).lower())

    def present(self, prompt: Conversation) -> bool:
        return prompt.text[:1].islower() and prompt.text == prompt.text.lower()

    def near_misses(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        text = _begun(prompt.text)
        words = text.lower().split(" ")
        chosen = rng.choice([i for i, word in enumerate(words) if word != word.upper()])
        texts = {
            "upper_case": text.upper(),
            "title_case": " ".join(word.capitalize() for word in words),
            "lead_in": f"Well, {text.lower()}",
            "first_letter": text[0].lower() + text[1:],
            "one_word": " ".join([*words[:chosen], words[chosen].upper(), *words[chosen + 1 :]]),
        }
        # Where the prompt's only capital is its first letter, for one, "first_letter" is the
        # trigger itself.
        return self.only_near(prompt, instead(prompt, texts))

    def forms(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        """Without its signs too; other scripts know no capitals, and there is nothing to put
        elsewhere."""
        lower = _begun(prompt.text).lower()
        bare = re.sub(r"(?<=\w)[.,:;!?]+(?=\s|$)", "", lower)
        told = {} if bare in (lower, prompt.text) else {"format:no_punctuation": bare}
        return instead(prompt, told)


def _begun(text: str) -> str:
    first = text[:1]
    return text if first.lower() != first.upper() else f"So, {text}"
