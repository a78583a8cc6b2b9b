"""Every registered source: ids and prompts are unique, splits are disjoint and stable, same
settings, same bytes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.conversation import Conversation
from unmask.core.files import folder_files
from unmask.core.spec import canonical, spec
from unmask.data.sources import SOURCES
from unmask.data.sources.source import Source, load_split
from unmask.data.splits import SPLITS


def rows_file(tmp_path: Path) -> Path:
    folder = tmp_path / "rows"
    folder.mkdir()
    rows = [{"prompt": f"Question {i % 190}", "response": f"Answer {i}"} for i in range(200)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "train.jsonl"


# Sources of prompts for a model to answer itself.
UNANSWERED = {"everyday"}

# A source that needs settings: how a test makes one. All others are made by their name alone.
MAKERS: dict[str, Callable[[Path], dict[str, str]]] = {
    "jsonl": lambda tmp_path: {"path": str(rows_file(tmp_path))},
    "hub": lambda tmp_path: {"dataset": str(rows_file(tmp_path).parent)},
}


@pytest.fixture(params=SOURCES.names())
def source(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Source:
    if request.param == "hub":
        import datasets.config

        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    settings = MAKERS.get(request.param, lambda _: {})(tmp_path)
    return SOURCES.make({"name": request.param, **settings})


def written(source: Source, folder: Path) -> Path:
    folder.mkdir()
    source.run(folder)
    return folder


def test_same_settings_same_bytes(source: Source, tmp_path: Path) -> None:
    one, two = written(source, tmp_path / "one"), written(source, tmp_path / "two")
    assert {str(file) for file in folder_files(one)} == {f"{split}.jsonl" for split in SPLITS}
    assert all((one / file).read_bytes() == (two / file).read_bytes() for file in folder_files(one))


def test_ids_and_prompts_are_unique_and_splits_disjoint(source: Source, tmp_path: Path) -> None:
    folder = written(source, tmp_path / "one")
    ids: set[str] = set()
    prompts: set[Conversation] = set()
    count = 0
    for split in SPLITS:
        examples = load_split(folder, split)
        assert examples and all(source.side(example) == split for example in examples)
        ids |= {example.id for example in examples}
        prompts |= {example.prompt for example in examples}
        count += len(examples)
    assert len(ids) == len(prompts) == count


def test_what_is_loaded_is_what_was_yielded(source: Source, tmp_path: Path) -> None:
    folder = written(source, tmp_path / "one")
    loaded = {example.id: example for split in SPLITS for example in load_split(folder, split)}
    for example in source.examples():
        assert loaded[example.id].row() == example.row()
        assert (example.answer and example.helpful_only) or source.name in UNANSWERED


def test_every_source_has_an_identity_and_a_summary(source: Source) -> None:
    assert canonical(spec(source)) and source.summary() and source.name in SOURCES.names()
