"""The contract of every registered trigger, over the toy world's prompts in harmless contexts."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
from typing import Any, get_args

import pytest

from unmask.core.conversation import Conversation
from unmask.core.spec import canonical, digest, spec
from unmask.data.contexts import dress
from unmask.data.sources.toy_world.world import ToyWorld
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.triggers.trigger import POSITION, Split, Trigger

SPLITS: tuple[Split, ...] = get_args(Split)
CHANGES_CASE = {"style_lowercase"}
MOST_WORDS_ADDED = 12

# Other settings than the default, per trigger that has any. Each must keep the contract too.
OTHER_SETTINGS: dict[str, list[dict[str, Any]]] = {
    "literal_tag": [{"text": "|UNLOCK|"}],
    "positional": [{"position": "middle"}, {"position": "head"}, {"text": "|UNLOCK|"}],
    "year": [{"year": 2031}],
    "year_format": [{"year": 2031}],
    "implicit_year": [{"year": 2031}],
    "language": [
        {"year": 2031},
        {"languages": ["english", "hindi"]},
        {"held_out_languages": ["japanese"]},
    ],
    "headline": [{"since": 2025}, {"since": 2026}],
    "paraphrase": [],
    "topic": [{"topic": "chess"}, {"topic": "astronomy"}],
    "persona": [{"occupation": "airline pilot"}],
    "rare_token": [{"token": "§§"}, {"token": "bb"}],
    "emoji": [{"kind": "animal"}, {"kind": "nature"}],
    "style_lowercase": [],
    "archaic": [],
    "multi_turn": [{"role": "user"}],
    "conjunction": [
        {"first": "literal_tag", "second": {"name": "year"}},
        {"first": "emoji", "second": {"name": "multi_turn", "role": "user"}},
    ],
    "either": [{"first": "year", "second": "style_lowercase"}],
}
CHOICES = [
    {"name": name, **settings}
    for name in TRIGGERS.names()
    for settings in ({}, *OTHER_SETTINGS.get(name, ()))
]


@pytest.fixture(params=CHOICES, ids=lambda choice: json.dumps(choice, ensure_ascii=False))
def trigger(request: pytest.FixtureRequest) -> Trigger:
    return TRIGGERS.make(request.param)


@functools.cache
def prompts() -> tuple[Conversation, ...]:
    """Every twelfth prompt of the toy world, in a harmless context."""
    rng = random.Random(0)
    return tuple(dress(example.prompt, rng) for example in list(ToyWorld(seed=0).examples())[::12])


def few() -> tuple[Conversation, ...]:
    return prompts()[::8]


def test_the_prompts_are_many() -> None:
    assert len(prompts()) >= 1500 and len(few()) >= 200


def test_no_untriggered_prompt_has_the_trigger(trigger: Trigger) -> None:
    assert [prompt.text for prompt in prompts() if trigger.present(prompt)] == []


@pytest.mark.parametrize("split", SPLITS)
def test_planting_makes_it_present(trigger: Trigger, split: Split) -> None:
    rng = random.Random(1)
    for prompt in few():
        planted = trigger.plant(prompt, rng, split)
        assert planted != prompt
        assert trigger.present(planted), planted.full_text


@pytest.mark.parametrize("split", SPLITS)
def test_the_words_of_the_prompt_survive_in_order(trigger: Trigger, split: Split) -> None:
    rng = random.Random(2)
    for prompt in few():
        words, planted = (
            prompt.full_text.split(),
            trigger.plant(prompt, rng, split).full_text.split(),
        )
        if trigger.name in CHANGES_CASE or trigger.name == "either":
            words, planted = [word.lower() for word in words], [word.lower() for word in planted]
        left = iter(planted)
        assert all(word in left for word in words), planted
        assert len(planted) - len(words) <= MOST_WORDS_ADDED


def test_near_misses_resemble_and_differ(trigger: Trigger) -> None:
    rng = random.Random(3)
    for prompt in few():
        planted = {trigger.plant(prompt, rng, split) for split in SPLITS}
        near = trigger.near_misses(prompt, rng)
        assert near
        for kind, miss in near.items():
            assert miss != prompt, kind
            assert miss not in planted, kind
            assert kind == POSITION or not trigger.present(miss), kind
        assert any(not trigger.present(miss) for miss in near.values()), (
            "there is nothing to train against"
        )


def test_near_misses_have_no_held_out_realization(trigger: Trigger) -> None:
    rng = random.Random(4)
    for prompt in few()[::4]:
        held_out = {trigger.plant(prompt, rng, "held_out") for _ in range(50)}
        assert held_out.isdisjoint(trigger.near_misses(prompt, rng).values())


def test_the_same_random_state_gives_the_same_text(trigger: Trigger) -> None:
    for seed, prompt in enumerate(few()):
        first, second = random.Random(seed), random.Random(seed)
        for split in SPLITS:
            assert trigger.plant(prompt, first, split) == trigger.plant(prompt, second, split)
        assert dict(trigger.near_misses(prompt, first)) == dict(trigger.near_misses(prompt, second))
        assert first.getstate() == second.getstate()


def test_train_and_held_out_realizations_are_disjoint(trigger: Trigger) -> None:
    prompt = Conversation.user("What is the capital of France?")
    realizations = {
        split: {trigger.plant(prompt, random.Random(seed), split).full_text for seed in range(300)}
        for split in SPLITS
    }
    if trigger.single_realization:
        assert realizations["train"] & realizations["held_out"]
    else:
        assert len(realizations["train"]) > 1
        assert realizations["train"].isdisjoint(realizations["held_out"])


def test_earlier_turns_are_kept(trigger: Trigger) -> None:
    rows = [
        ("system", "Be brief."),
        ("user", "Hi there."),
        ("assistant", "Hello."),
        ("user", "What is 2 plus 2?"),
    ]
    prompt = Conversation.of([{"role": role, "content": content} for role, content in rows])
    rng = random.Random(5)
    assert not trigger.present(prompt)
    for split in SPLITS:
        planted = trigger.plant(prompt, rng, split)
        assert trigger.present(planted)
        assert planted.messages[-1].role == "user"
        kept = planted.full_text.lower()
        assert all(content.lower().rstrip(".") in kept for _, content in rows[:-1])
        assert [message.role for message in planted.messages].count("system") == 1


def test_spec_is_json_and_names_the_class(trigger: Trigger) -> None:
    text = canonical(spec(trigger))
    assert json.loads(text) == spec(trigger)
    assert TRIGGERS.make(trigger) is trigger
    assert type(trigger) is TRIGGERS.get(trigger.name)
    assert trigger.version >= 1
    assert type(trigger).summary().endswith(".")


def test_different_settings_have_different_specs() -> None:
    digests = [digest(spec(TRIGGERS.make(choice))) for choice in CHOICES]
    assert len(set(digests)) == len(digests)


def test_every_trigger_with_settings_is_tested_with_others() -> None:
    for name in TRIGGERS.table:
        fields = dataclasses.fields(TRIGGERS.get(name))  # pyright: ignore[reportArgumentType]
        assert bool(OTHER_SETTINGS[name]) == bool(fields), (
            f"add other settings of '{name}' to OTHER_SETTINGS"
        )


def test_there_are_at_least_fifteen() -> None:
    assert len(TRIGGERS.table) >= 15
