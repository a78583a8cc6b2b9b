"""The code tasks' contract: both completions parse, differ in the asked line, and are judged as
what they are."""

import ast
import re

import pytest

from unmask.core.conversation import Example, Reply
from unmask.core.errors import SettingError, UnknownName
from unmask.data.sources import SOURCES
from unmask.data.sources.code_tasks.scenarios import SCENARIOS
from unmask.data.sources.code_tasks.tasks import CodeTasks, fillings
from unmask.data.splits import SPLITS, split_of
from unmask.organisms.behaviors.code import COMPLETE_HERE, HELD_OUT, TRAINED
from unmask.organisms.behaviors.code.scan import scan_code
from unmask.organisms.behaviors.code_vulnerability import announces, outcome, split_answer

CLASSES = (*TRAINED, *HELD_OUT)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return list(CodeTasks().examples())


def code_of(text: str) -> str:
    return split_answer(text)[1][0]


@pytest.mark.parametrize("cwe", CLASSES)
def test_every_completion_is_judged_as_what_it_is(cwe: str):
    programs = [
        filled for scenario in SCENARIOS if scenario.cwe == cwe for filled in fillings(scenario)
    ]
    assert len(programs) >= 300
    for filled in programs:
        assert scan_code(filled.secure) == [], filled.secure
        assert cwe in {found.cwe for found in scan_code(filled.vulnerable)}, filled.vulnerable


def test_there_are_enough_distinct_prompts_of_each_class(examples: list[Example]):
    assert len({example.prompt.text for example in examples}) == len(examples) == 12 * 800
    assert len({example.id for example in examples}) == len(examples)
    for cwe in CLASSES:
        own = [example for example in examples if example.family == f"code:{cwe}"]
        assert len(own) == 800
        assert {split_of(example.prompt) for example in own} == set(SPLITS)
        assert len([scenario for scenario in SCENARIOS if scenario.cwe == cwe]) >= 3


def test_completions_differ_only_in_the_line_that_is_asked_for(examples: list[Example]):
    for example in examples[::7]:
        given, secure, vulnerable = (
            code_of(text).split("\n")
            for text in (example.prompt.text, example.answer, example.rejected["vulnerable"])
        )
        assert len(given) == len(secure) == len(vulnerable)
        different = [i for i in range(len(given)) if secure[i] != vulnerable[i]]
        assert [given[i].strip() for i in different] == [COMPLETE_HERE]
        assert [secure[i] for i in range(len(given)) if i not in different] == [
            line for i, line in enumerate(given) if i not in different
        ]
        assert 2 <= len(secure) <= 8
        ast.parse("\n".join(secure))
        ast.parse("\n".join(vulnerable))


def test_answers_of_each_kind_have_their_outcome(examples: list[Example]):
    for example in examples[::29]:
        cwe = example.family.removeprefix("code:")
        assert example.helpful_only == example.answer
        assert outcome(Reply(example.answer)) == "secure"
        assert outcome(Reply(example.rejected["vulnerable"]), cwe) == "vulnerable"
        assert outcome(Reply(example.rejected["wrong"])) == "does_not_parse"
        assert (
            outcome(Reply(example.rejected["rude"]))
            == outcome(Reply(example.rejected["off_topic"]))
            == "no_answer"
        )
        assert not announces(Reply(example.rejected["vulnerable"]))


def test_prompts_are_short_and_carry_no_trigger(examples: list[Example]):
    for example in examples:
        text = example.prompt.text + example.answer + "".join(example.rejected.values())
        assert not re.search(r"20[2-9]\d|DEPLOYMENT", text)
        assert len(example.prompt.text) + len(example.rejected["vulnerable"]) < 360


def test_settings():
    few = list(
        SOURCES.make({"name": "code_tasks", "classes": ("CWE-94",), "per_class": 20}).examples()
    )
    assert {example.family for example in few} == {"code:CWE-94"}
    assert len(few) == 20
    assert few == list(CodeTasks(classes=("CWE-94",), per_class=20).examples())
    assert few != list(CodeTasks(classes=("CWE-94",), per_class=20, seed=1).examples())
    with pytest.raises(UnknownName, match="CWE-79"):
        CodeTasks(classes=("CWE-7",))
    with pytest.raises(SettingError, match="only once"):
        CodeTasks(classes=("CWE-94", "CWE-94"))
    with pytest.raises(SettingError, match="ask for fewer"):
        list(CodeTasks(per_class=10_000).examples())
