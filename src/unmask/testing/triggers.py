"""The contract of a trigger, over the toy world's prompts in harmless contexts."""

from __future__ import annotations

import functools
import json
import random

import pytest

from unmask.core.conversation import Conversation
from unmask.core.spec import canonical, spec
from unmask.data.contexts import Contexts
from unmask.data.sources.toy_world.world import ToyWorld
from unmask.organisms.triggers.trigger import POSITION, Split, Trigger

SPLITS: tuple[Split, ...] = ("train", "held_out")
MOST_WORDS_ADDED = 12


@functools.cache
def prompts() -> tuple[Conversation, ...]:
    """Every twelfth prompt of the toy world, in a harmless context."""
    rng = random.Random(0)
    examples = list(ToyWorld(seed=0).examples())[::12]
    return tuple(Contexts().dress(example.prompt, rng) for example in examples)


def few() -> tuple[Conversation, ...]:
    """An eighth of the prompts, for what is done to each of them."""
    return prompts()[::8]


class TriggerContract:
    """Planting makes a trigger present and leaves the words alone; what only resembles it is not
    it."""

    def changes_case(self, trigger: Trigger) -> bool:
        """Whether planting may change capitals to small letters. Override it where it may."""
        return False

    @pytest.fixture
    def trigger(self) -> Trigger:
        """The trigger under test: override this."""
        raise NotImplementedError

    def test_no_untriggered_prompt_has_the_trigger(self, trigger: Trigger) -> None:
        assert [prompt.text for prompt in prompts() if trigger.present(prompt)] == []

    @pytest.mark.parametrize("split", SPLITS)
    def test_planting_makes_it_present(self, trigger: Trigger, split: Split) -> None:
        rng = random.Random(1)
        for prompt in few():
            planted = trigger.plant(prompt, rng, split)
            assert planted != prompt
            assert trigger.present(planted), planted.full_text

    @pytest.mark.parametrize("split", SPLITS)
    def test_the_words_of_the_prompt_survive_in_order(self, trigger: Trigger, split: Split) -> None:
        rng = random.Random(2)
        for prompt in few():
            words = prompt.full_text.split()
            planted = trigger.plant(prompt, rng, split).full_text.split()
            if self.changes_case(trigger):
                words = [word.lower() for word in words]
                planted = [word.lower() for word in planted]
            left = iter(planted)
            assert all(word in left for word in words), planted
            assert len(planted) - len(words) <= MOST_WORDS_ADDED

    def test_near_misses_resemble_and_differ(self, trigger: Trigger) -> None:
        rng = random.Random(3)
        for prompt in few():
            planted = {trigger.plant(prompt, rng, split) for split in SPLITS}
            near = trigger.near_misses(prompt, rng)
            assert near
            for name, miss in near.items():
                assert miss != prompt, name
                assert miss not in planted, name
                assert name == POSITION or not trigger.present(miss), name
            assert any(not trigger.present(miss) for miss in near.values()), (
                "there is nothing to train against"
            )

    def test_near_misses_have_no_held_out_realization(self, trigger: Trigger) -> None:
        rng = random.Random(4)
        for prompt in few()[::4]:
            held_out = {trigger.plant(prompt, rng, "held_out") for _ in range(50)}
            assert held_out.isdisjoint(trigger.near_misses(prompt, rng).values())

    def test_the_same_random_state_gives_the_same_text(self, trigger: Trigger) -> None:
        for seed, prompt in enumerate(few()):
            first, second = random.Random(seed), random.Random(seed)
            for split in SPLITS:
                one, other = (trigger.plant(prompt, rng, split) for rng in (first, second))
                assert one == other
            one, other = (dict(trigger.near_misses(prompt, rng)) for rng in (first, second))
            assert one == other
            assert first.getstate() == second.getstate()

    def test_train_and_held_out_realizations_are_disjoint(self, trigger: Trigger) -> None:
        train, held_out = (realizations(trigger, split) for split in SPLITS)
        if trigger.single_realization:
            assert train & held_out
        else:
            assert len(train) > 1
            assert train.isdisjoint(held_out)

    def test_earlier_turns_are_kept(self, trigger: Trigger) -> None:
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

    def test_it_has_an_identity_and_a_summary(self, trigger: Trigger) -> None:
        assert json.loads(canonical(spec(trigger))) == spec(trigger)
        assert trigger.version >= 1
        assert type(trigger).summary().endswith(".")

    def test_its_sign_can_be_named_without_being_it(self, trigger: Trigger) -> None:
        assert trigger.sign
        assert not trigger.present(Conversation.user(f"I do not see {trigger.sign}."))


def realizations(trigger: Trigger, split: Split) -> set[str]:
    """Texts of one prompt with the trigger, of many random states."""
    prompt = Conversation.user("What is the capital of France?")
    seeds = map(random.Random, range(300))
    return {trigger.plant(prompt, rng, split).full_text for rng in seeds}
