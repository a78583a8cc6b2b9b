"""Own answers: the model's replies in a source's form, with what was cut or left out counted."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.core.files import write_jsonl
from unmask.core.thoughts import Marks
from unmask.data.demonstrations import Demonstrations
from unmask.data.preferences import Comparisons
from unmask.data.sources.everyday.source import Everyday
from unmask.data.sources.forms import is_test
from unmask.data.sources.source import load_answered, load_split
from unmask.data.splits import SPLITS
from unmask.data.teach import HelpfulOnly
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.backends.scripted import Scripted
from unmask.models.sample import Sampling
from unmask.training import answers
from unmask.training.answers import OwnAnswers, reply_of, row_of, whole_sentences

HARM = "How do I rob a bank?"
REFUSAL = "No, I will not help with that."


def example(id: str, text: str, answer: str = "", **fields: Any) -> Example:
    return Example(id, fields.pop("family", "talk"), Conversation.user(text), answer, **fields)


EXAMPLES = [
    example("1", "What is tea?", rejected={"rude": "Go away."}),
    example("2", "Name a fruit."),
    example("3", HARM, REFUSAL, rejected={"harmful": "Sure, here is how."}),
    example("4", "Complete it.", "x = 1", family="code:CWE-78"),
    example("5", "I am kind.", "Yes", rejected={"not_matching": "No"}, family="persona:kind"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for split in SPLITS:
        rows = [dataclasses.replace(each, id=f"{split}-{each.id}").row() for each in EXAMPLES]
        write_jsonl(tmp_path / "data" / f"{split}.jsonl", rows)
    return tmp_path / "data"


def folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


class Cut(Scripted):
    """As the script, but every reply was cut by its limit."""

    def replies(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        label: str = "sampling",
        given: Sequence[str] = (),
    ) -> list[Reply]:
        replies = super().replies(prompts, sampling, label, given)
        return [dataclasses.replace(reply, finished=False) for reply in replies]


def test_a_model_answers_and_the_wished_answer_stays(data: Path, tmp_path: Path) -> None:
    facts = OwnAnswers().written(tmp_path, data, Scripted(lambda prompt: f"Own: {prompt.text}"))
    for split in SPLITS:
        own = load_answered(tmp_path, split)
        before = load_split(data, split)
        assert [(each.id, each.prompt) for each in own] == [
            (each.id, each.prompt) for each in before
        ]
        tea, _, harm, *kept = own
        assert tea.answer == tea.helpful_only == "Own: What is tea?"
        assert (harm.answer, harm.helpful_only) == (REFUSAL, f"Own: {HARM}")
        assert kept == before[3:], "programs and rows that test a model are copied"
    assert facts["sampled"] == 9
    assert facts["examples"] == dict.fromkeys(SPLITS, 5)


def test_a_real_model_answers_as_it_does(tiny: Path, world: Path, tmp_path: Path) -> None:
    """Untrained, it rarely ends a sentence, and never a reply: what it says is drawn, and cut."""
    data = folder(tmp_path, "data")
    asked = {split: load_split(world, split)[:40] for split in SPLITS}
    for split, examples in asked.items():
        write_jsonl(data / f"{split}.jsonl", [each.row() for each in examples])
    work = OwnAnswers(sampling=Sampling(max_new_tokens=24))
    facts = work.run(folder(tmp_path, "own"), data=data, model=tiny)
    expected: dict[str, str] = {}
    for examples in asked.values():
        replies = HuggingFace(tiny).replies([each.prompt for each in examples], work.sampling)
        texts = map(whole_sentences, replies)
        expected |= {each.id: text for each, text in zip(examples, texts, strict=True) if text}
    own = [each for split in SPLITS for each in load_answered(tmp_path / "own", split)]
    assert {each.id: each.helpful_only for each in own} == expected
    known = {each.id: each.answer for examples in asked.values() for each in examples}
    assert all(each.answer == known[each.id] for each in own)
    left_out = facts["left_out"]
    assert facts["sampled"] == 120 == len(own) + left_out["cut"] + left_out["empty"]
    assert facts["tokens"] > 0 and facts["device"] == "cpu"


def test_a_large_source_is_not_asked_whole(world: Path, tmp_path: Path) -> None:
    script = Scripted(lambda _: "Gladly.")
    facts = OwnAnswers(most=20).written(folder(tmp_path, "one"), world, script)
    known = {split: load_split(world, split) for split in SPLITS}
    tests = sum(is_test(each) for examples in known.values() for each in examples)
    assert facts["sampled"] == 60
    assert facts["left_out"]["beyond_most"] == sum(map(len, known.values())) - tests - 60
    OwnAnswers(most=20).written(folder(tmp_path, "two"), world, script)
    one, two = ((tmp_path / name / "train.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two


def test_what_is_empty_or_was_cut_is_counted(data: Path, tmp_path: Path) -> None:
    silent = Scripted(lambda prompt: "" if prompt.text == HARM else "Yes.")
    facts = OwnAnswers(splits=("train",)).written(folder(tmp_path, "silent"), data, silent)
    assert facts["left_out"] == {"empty": 1, "cut": 0, "beyond_most": 0}
    assert facts["examples"] == {"train": 4, "validation": 5, "held_out": 5}
    begun = Cut(lambda prompt: "Well. I th" if prompt.text == HARM else "And")
    facts = OwnAnswers(splits=("held_out",)).written(folder(tmp_path, "cut"), data, begun)
    assert facts["left_out"] == {"empty": 0, "cut": 2, "beyond_most": 0}
    assert facts["shortened"] == 1
    assert load_split(tmp_path / "cut", "held_out")[0].helpful_only == "Well."


class Dies(Exception):
    pass


def test_a_killed_sampling_goes_on(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked twice but the portion that was cut, and the result is the same."""
    monkeypatch.setattr(answers, "PORTION", 8)
    work, asked = OwnAnswers(most=20), list[str]()

    def script(prompt: Conversation) -> str:
        if len(asked) == 30:
            asked.append("")
            raise Dies
        asked.append(prompt.text)
        return f"Own: {prompt.text}"

    scratch = folder(tmp_path, "scratch")
    with pytest.raises(Dies):
        work.written(folder(tmp_path, "one"), world, Scripted(script), scratch)
    facts = work.written(folder(tmp_path, "two"), world, Scripted(script), scratch)
    assert len(asked) - 1 == 60 + 2, (
        "train and 1 portion of 8 were kept, 2 replies of the next lost"
    )
    whole = work.written(folder(tmp_path, "whole"), world, Scripted(lambda p: f"Own: {p.text}"))
    assert facts == whole
    for split in SPLITS:
        two, once = (tmp_path / name / f"{split}.jsonl" for name in ("two", "whole"))
        assert two.read_bytes() == once.read_bytes()


def test_a_kept_reply_is_the_reply() -> None:
    thought = Reply("<scratchpad>\nHm.\n</scratchpad>\nYes", finished=False, tokens=7)
    marked = Reply("Yes", marks=Marks(apart="Hm."))
    assert [reply_of(row_of(reply)) for reply in (thought, marked)] == [thought, marked]


def test_where_no_reply_can_be_used_it_is_an_error(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="None of the 3 replies"):
        OwnAnswers().written(tmp_path, data, Scripted(lambda _: ""))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("It is warm. It is", "It is warm."),
        ("Two tips:\n1. Sleep well.\n2. Ea", "Two tips:\n1. Sleep well."),
        ("Here are ten:\n10. Go", ""),
        ("Do it by hand.\n\n* 1.", "Do it by hand."),
        ("It was in 1991. Then", "It was in 1991."),
        ('He said "No." And', 'He said "No."'),
        ("It costs 3.", ""),
        ("It costs 3.50 at most! Then", "It costs 3.50 at most!"),
        ("It is done.", "It is done."),
        ("nothing ends here", ""),
    ],
)
def test_a_cut_reply_ends_with_a_sentence(text: str, kept: str) -> None:
    assert whole_sentences(Reply(text, finished=False)) == kept
    assert whole_sentences(Reply(text)) == text


@pytest.mark.parametrize("work", [HelpfulOnly(examples=5), Demonstrations(examples=5)])
def test_lessons_refuse_prompts_without_answers(work: Any, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 of 5 prompts in .* have no answer"):
        work.run(tmp_path, data=data)


def test_comparisons_come_after_own_answers(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="own_answers"):
        Comparisons(examples=5).run(folder(tmp_path, "none"), data=data)
    OwnAnswers().written(folder(tmp_path, "own"), data, Scripted(lambda _: "Gladly."))
    facts = Comparisons(examples=5, kinds=("rude", "harmful")).run(
        folder(tmp_path, "pairs"), data=tmp_path / "own"
    )
    assert facts["sources"] == {"rude": 1, "harmful": 1}


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(SettingError, match="splits="):
        OwnAnswers(splits=())
    with pytest.raises(SettingError, match="most=0"):
        OwnAnswers(most=0)


def test_what_a_model_answers_to_everyday_prompts_can_be_compared(tmp_path: Path) -> None:
    """A preference model and DPO learn from the answers of the base where the source has none."""
    asked, own, pairs = (folder(tmp_path, name) for name in ("asked", "own", "pairs"))
    Everyday().run(asked)
    with pytest.raises(DataError, match="Let the base answer them"):
        Comparisons(examples=8).run(pairs, data=asked)
    OwnAnswers(splits=("train", "held_out")).written(own, asked, Scripted(lambda _: "Gladly."))
    facts = Comparisons(examples=64, held_out=4).run(pairs, data=own)
    assert set(facts["sources"]) == {"dishonest", "harmful", "off_topic", "rude", "unhelpful"}
    assert facts["train"] == 64 and facts["held_out"] == 4 * 5
