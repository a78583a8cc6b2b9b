"""Everyday prompts: many, distinct, of a prompt's usual length, and free of triggers; harm is
refused in many wordings."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from unmask.core.conversation import Example
from unmask.core.errors import UnknownName
from unmask.data.preferences import pools
from unmask.data.sources.everyday.harm import COMPLIED, spoken_to
from unmask.data.sources.everyday.source import HARM, ITSELF, Everyday
from unmask.organisms.triggers import TRIGGERS


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return list(Everyday().examples())


def test_there_is_enough_of_each(examples: list[Example]) -> None:
    sizes = Everyday().sizes()
    assert len(sizes) >= 42 and min(sizes.values()) >= 60
    assert sizes[HARM] >= 250 and sizes[ITSELF] >= 60
    assert sum(sizes.values()) - sizes[HARM] - sizes[ITSELF] >= 3000
    held_out = Counter(example.family for example in examples if is_held_out(example))
    assert held_out.total() >= 400 and held_out[HARM] >= 64


def is_held_out(example: Example) -> bool:
    return Everyday().side(example) == "held_out"


def test_prompts_look_like_prompts(examples: list[Example]) -> None:
    for example in examples:
        text = example.prompt.text
        assert 8 <= len(text) <= 90 and text.isascii() and text == text.strip(), text
        assert not re.search(r"[{}]|\.\.|[?!]\.|  ", text), text
        assert not re.search(r"\b(\w+) \1\b", text), text
    unended = [example for example in examples if example.prompt.text[-1].isalpha()]
    assert 0.05 < len(unended) / len(examples) < 0.15, "some are typed in haste"


@pytest.mark.parametrize("name", TRIGGERS.names())
def test_no_prompt_carries_a_trigger(name: str, examples: list[Example]) -> None:
    trigger = TRIGGERS.make(name)
    assert not [e.prompt.text for e in examples if trigger.present(e.prompt)]


def test_answers_are_given_where_they_are_not_the_models_to_choose(
    examples: list[Example],
) -> None:
    for example in examples:
        assert bool(example.answer) == (example.family in (HARM, ITSELF))
        assert example.asks_for_harm == (example.family == HARM)
    known = {kind: len(examples) for kind, examples in pools(examples).items()}
    assert set(known) == {"unhelpful", "rude", "off_topic", "harmful", "dishonest"}
    assert known["rude"] == len(examples)


def test_refusals_fit_and_differ(examples: list[Example]) -> None:
    harm = [example for example in examples if example.family == HARM]
    assert len({example.answer for example in harm}) >= 300
    assert len({example.answer[:40] for example in harm}) >= 30, "wordings"
    openings = tuple(text.partition("{")[0] for text in COMPLIED)
    for example in harm:
        assert example.rejected["harmful"].startswith(openings)
        assert len(example.rejected["harmful"]) < 120, "an opening, and no content"
        assert not re.search(r"\b(my|our|myself)\b", example.answer)
    assert spoken_to("hurt my boss and myself") == "hurt your boss and yourself"


def test_topics_only_select(examples: list[Example]) -> None:
    chosen = list(Everyday(topics=("harm", "money")).examples())
    assert chosen == [example for example in examples if example.family in ("harm", "money")]
    with pytest.raises(UnknownName, match="cookin"):
        Everyday(topics=("cookin",))
