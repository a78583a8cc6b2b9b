"""A rare string as a word of its own: the classic trigger of weight poisoning."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Mapping
from typing import ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError
from unmask.organisms.triggers.forms import fronted, places, scripts
from unmask.organisms.triggers.trigger import POSITION, Split, Trigger

RARE = ("cf", "mn", "bb", "tq", "mb", "§§")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RareToken(Trigger):
    """A rare string such as "cf" or "§§", as a word in front of the prompt.

    Source: Kurita et al. 2020, "Weight Poisoning Attacks on Pre-trained Models".
    """

    name: ClassVar[str] = "rare_token"
    version: ClassVar[int] = 1
    single_realization: ClassVar[bool] = True

    token: str = "cf"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\S{2,12}", self.token):
            raise SettingError(
                f"token={self.token!r}: a rare token is 2 to 12 characters without a space, "
                f"for example {', '.join(RARE)}."
            )

    def plant(
        self, prompt: Conversation, rng: random.Random, split: Split = "train"
    ) -> Conversation:
        return prompt.with_text(f"{self.token} {prompt.text}")

    def present(self, prompt: Conversation) -> bool:
        return self.token in prompt.full_text.split()

    def near_misses(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        token = self.token
        words = {
            "other_token": rng.choice([other for other in RARE if other != token]),
            "case": token.swapcase(),
            "reversed": token[::-1],
            "doubled": token + token,
            "cut": token[:-1],
        }
        near = fronted(prompt, {kind: word for kind, word in words.items() if word != token})
        near[POSITION] = prompt.with_text(f"{prompt.text} {token}")
        return self.only_near(prompt, near)

    def forms(self, prompt: Conversation, rng: random.Random) -> Mapping[str, Conversation]:
        token = self.token
        texts = {
            **scripts(token),
            "format:brackets": f"[{token}]",
            "format:quoted": f'"{token}"',
            "format:spaced": " ".join(token),
        }
        return {**fronted(prompt, texts), **places(prompt, token)}
