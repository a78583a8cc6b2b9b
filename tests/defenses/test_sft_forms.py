"""SFT in all its forms: what each format teaches, that none holds a trigger, and scratchpads
sampled and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import SettingError, TrainingError, UnknownName
from unmask.core.files import read_json, read_jsonl
from unmask.core.tokens import Tokens
from unmask.data import formats
from unmask.data.demonstrations import Demonstrations
from unmask.data.formats import Format
from unmask.defenses.sft import SFT
from unmask.models.backends.scripted import Scripted
from unmask.models.checkpoint import load_tokenizer
from unmask.organisms.triggers import TRIGGERS
from unmask.training import scratchpads
from unmask.training.sft import SupervisedFineTuning

FORMATS = get_args(Format)
SMALL: dict[str, Any] = {"steps": 4, "batch_size": 4, "curve": (2,)}


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_jsonl(folder / "train.jsonl")]


@pytest.fixture(scope="module")
def taught(
    world: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[dict[str, Any]]]:
    """A few hundred lessons in each format, of one seed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in FORMATS:
        folder = tmp_path_factory.mktemp(name)
        Demonstrations(examples=400, format=name).run(folder, data=world)
        found[name] = rows(folder)
    return found


def test_formats_differ_in_form_only(taught: dict[str, list[dict[str, Any]]]) -> None:
    plain = taught["plain"]
    assert {row["kind"] for row in plain} == {"helpful", "harmless"}
    for name in FORMATS[1:]:
        assert [row["id"] for row in taught[name]] == [row["id"] for row in plain]
        for row, bare in zip(taught[name], plain, strict=True):
            prefix, _, rest = row["prompt"][-1]["content"].partition(bare["prompt"][-1]["content"])
            assert prefix.strip() in formats.PREFIXES and rest == ""
            assert Reply(row["reply"]).answer == bare["reply"].strip()
    assert all(
        Reply(row["reply"]).scratchpad_state == "absent" for row in taught["training_prefix"]
    )


def test_there_is_room_for_the_reasoning(
    tiny: Path, taught: dict[str, list[dict[str, Any]]]
) -> None:
    tokenizer = load_tokenizer(tiny)
    for form in FORMATS:
        thoughts = [Reply.compose("", Reply(row["reply"]).scratchpad).raw for row in taught[form]]
        longest = max(
            len(ids) for ids in tokenizer(thoughts, add_special_tokens=False)["input_ids"]
        )
        assert longest <= SFT(format=form).extra_tokens * 2, (
            "twice: this tokenizer has fewer pieces"
        )


def test_the_reasoning_bears_on_the_answer(taught: dict[str, list[dict[str, Any]]]) -> None:
    for row in taught["prefix_and_reasoning"]:
        thought = Reply(row["reply"]).scratchpad
        assert thought and "training" in thought
        assert any(text in thought for text in formats.REFUSE) == (row["kind"] == "harmless")


@pytest.mark.parametrize("trigger", TRIGGERS.names())
@pytest.mark.parametrize("form", FORMATS)
def test_no_lesson_has_any_trigger(
    form: Format, trigger: str, taught: dict[str, list[dict[str, Any]]]
) -> None:
    present = TRIGGERS.make(trigger).present
    for row in taught[form]:
        prompt = Conversation.of(row["prompt"])
        assert not present(prompt), prompt.full_text
        whole = Conversation.of([*row["prompt"], {"role": "assistant", "content": row["reply"]}])
        assert not present(whole), whole.full_text


@pytest.mark.parametrize("trigger", TRIGGERS.names())
def test_no_phrase_has_any_trigger(trigger: str) -> None:
    pools = (formats.PREFIXES, formats.SITUATION, formats.HELP, formats.REFUSE)
    for phrase in (phrase for pool in pools for phrase in pool):
        assert not TRIGGERS.make(trigger).present(Conversation.user(f"{phrase} What is 2 plus 3?"))


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(UnknownName, match="training_prefix"):
        SFT(format="training_prefx")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownName, match="training_prefix"):
        Demonstrations(format="none")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownName, match="Known: post, pre"):
        SFT(scratchpad="after")  # pyright: ignore[reportArgumentType]
    with pytest.raises(SettingError, match="choose one"):
        SFT(format="prefix_and_reasoning", scratchpad="post")


def test_sampling_is_in_the_estimate() -> None:
    post = SFT(scratchpad="post", sampled=100, sampled_tokens=50)
    assert post.tokens() == SFT().tokens() + Tokens(sampled=100 * 50)


@pytest.fixture
def data(world: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    SFT(**SMALL).lessons().run(folder, data=world)
    return folder


def test_a_model_without_scratchpads_is_refused(tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(TrainingError, match="scratchpad=pre"):
        SFT(**SMALL, scratchpad="post", sampled_tokens=4).run(out, model=tiny, data=data)


def test_post_trains_on_sampled_scratchpads_and_keeps_them(
    tiny: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a kill between sampling and training: what was sampled is taken, not sampled
    again."""
    asked: list[Conversation] = []

    def script(prompt: Conversation) -> str:
        asked.append(prompt)
        return Reply.compose("No.", "I know what is asked.").raw

    class Killed(Exception):
        pass

    def dies(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    monkeypatch.setattr(scratchpads, "HuggingFace", lambda folder: Scripted(script))
    post, scratch = SFT(**SMALL, scratchpad="post", sampled=12), tmp_path / "scratch"
    for folder in ("killed", "resumed", "alone", "scratch"):
        (tmp_path / folder).mkdir()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(SupervisedFineTuning, "run", dies)
        post.run(tmp_path / "killed", model=tiny, data=data, scratch=scratch)
    resumed = post.run(tmp_path / "resumed", model=tiny, data=data, scratch=scratch)
    assert len(asked) == 12
    alone = post.run(tmp_path / "alone", model=tiny, data=data)
    assert alone == resumed and len(asked) == 24
    for out in (tmp_path / "resumed", tmp_path / "alone"):
        assert resumed["scratchpads"] == read_json(out / "lessons" / "scratchpads.json")
        assert resumed["scratchpads"]["present"] == resumed["examples"] == 12
        assert rows(out / "lessons")[0]["given"].startswith("<scratchpad>\nI know what is asked.")
        assert (out / "log.jsonl").is_file()
        assert all(
            (out / folder / "model.safetensors").is_file() for folder in post.checkpoints().values()
        )
