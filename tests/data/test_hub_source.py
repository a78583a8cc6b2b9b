"""The hub source, on local folders and without any network."""

import json
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.core.spec import spec
from unmask.data.sources.hub import Hub
from unmask.data.sources.jsonl import JsonLines

ROWS = [{"prompt": f"Question {i}", "response": f"Answer {i}"} for i in range(5)]


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


def test_a_folder_of_json_lines_gives_what_the_jsonl_source_gives(folder: Path) -> None:
    ours = [(e.prompt, e.answer) for e in JsonLines(path=str(folder / "train.jsonl")).examples()]
    assert [(e.prompt, e.answer) for e in Hub(dataset=str(folder)).examples()] == ours


def test_a_folder_of_parquet(tmp_path: Path) -> None:
    import datasets

    folder = tmp_path / "table"
    folder.mkdir()
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    datasets.Dataset.from_list([{"messages": messages}]).to_parquet(str(folder / "train.parquet"))
    [example] = Hub(dataset=str(folder)).examples()
    assert (example.id, example.prompt.text, example.answer) == ("hub-00001", "Hi", "Hello.")


def test_a_bad_row_is_named(folder: Path) -> None:
    (folder / "train.jsonl").write_text(json.dumps({"prompt": "Hi"}) + "\n")
    with pytest.raises(DataError, match=r"rows, row 1 has the fields prompt\b"):
        list(Hub(dataset=str(folder)).examples())


def test_a_folder_may_begin_with_a_tilde(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert len(list(Hub(dataset="~/rows").examples())) == len(ROWS)


def test_a_file_is_not_a_folder(folder: Path) -> None:
    with pytest.raises(DataError, match=r"is a file.*source jsonl"):
        Hub(dataset=str(folder / "train.jsonl"))


def test_a_folder_of_preferences_in_tables(tmp_path: Path) -> None:
    """A table has every column in every row, also within its messages."""
    import datasets

    user, good, bad = (
        {"role": role, "content": text, "tool_calls": None}
        for role, text in (("user", "Hi"), ("assistant", "Hello."), ("assistant", "Go."))
    )
    row = {
        "prompt": "Hi",
        "chosen": [user, good],
        "rejected": [user, bad],
        "messages": [user, good],
        "score_chosen": 9.5,
    }
    folder = tmp_path / "table"
    folder.mkdir()
    datasets.Dataset.from_list([row, {**row, "messages": None}]).to_parquet(
        str(folder / "train.parquet")
    )
    [example] = Hub(dataset=str(folder)).examples()
    assert (example.prompt.text, example.answer, dict(example.rejected)) == (
        "Hi",
        "Hello.",
        {"rejected": "Go."},
    )


def test_an_unknown_split_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"split 'dev', config 'default'\) cannot be loaded"):
        list(Hub(dataset=str(folder), split="dev").examples())


def test_a_folder_counts_by_its_content(folder: Path) -> None:
    before = Hub(dataset=str(folder))
    assert spec(before) == spec(Hub(dataset=str(folder)))
    (folder / "train.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    assert spec(before) != spec(Hub(dataset=str(folder)))
    with pytest.raises(DataError, match="they were changed"):
        Hub(dataset=str(folder), sha256=before.sha256)


def test_a_hub_that_cannot_be_reached_says_what_to_do() -> None:
    with pytest.raises(
        DataError, match=r"hub cannot be reached for 'nobody/nothing'.*HF_HUB_OFFLINE"
    ):
        list(Hub(dataset="nobody/nothing").examples())


def test_a_digest_is_for_folders_only() -> None:
    with pytest.raises(DataError, match="pin a revision"):
        Hub(dataset="nobody/nothing", sha256="0" * 64)
