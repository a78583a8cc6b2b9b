"""The contract of a source: ids and prompts are unique, splits are disjoint and stable, the same
settings give the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.core.conversation import Conversation
from unmask.core.files import folder_files
from unmask.core.spec import canonical, spec
from unmask.data.sources.source import Source, load_split
from unmask.data.splits import SPLITS


class SourceContract:
    """What is written is what was yielded, once, in the split that its text says."""

    def answers(self, source: Source) -> bool:
        """Whether examples have answers. Override it for prompts that a model answers itself."""
        return True

    @pytest.fixture
    def source(self) -> Source:
        """The source under test: override this."""
        raise NotImplementedError

    def test_same_settings_same_bytes(self, source: Source, tmp_path: Path) -> None:
        one, two = written(source, tmp_path / "one"), written(source, tmp_path / "two")
        names = folder_files(one)
        assert {str(name) for name in names} == {f"{split}.jsonl" for split in SPLITS}
        assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)

    def test_ids_and_prompts_are_unique_and_splits_disjoint(
        self, source: Source, tmp_path: Path
    ) -> None:
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

    def test_what_is_loaded_is_what_was_yielded(self, source: Source, tmp_path: Path) -> None:
        folder = written(source, tmp_path / "one")
        loaded = {}
        for split in SPLITS:
            loaded |= {example.id: example for example in load_split(folder, split)}
        for example in source.examples():
            assert loaded[example.id].row() == example.row()
            assert (example.answer and example.helpful_only) or not self.answers(source)

    def test_it_has_an_identity_and_a_summary(self, source: Source) -> None:
        assert canonical(spec(source)) and source.summary() and source.name


def written(source: Source, folder: Path) -> Path:
    """A new folder with what the source writes."""
    folder.mkdir()
    source.run(folder)
    return folder
