"""Every registered source keeps the contract of `unmask.testing.sources`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.data.sources import SOURCES
from unmask.data.sources.source import Source
from unmask.testing import SourceContract


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


class TestSources(SourceContract):
    @pytest.fixture(params=SOURCES.names())
    def source(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Source:
        if request.param == "hub":
            import datasets.config

            monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        settings = MAKERS.get(request.param, lambda _: {})(tmp_path)
        return SOURCES.make({"name": request.param, **settings})

    def answers(self, source: Source) -> bool:
        return source.name not in UNANSWERED

    def test_its_name_is_registered(self, source: Source) -> None:
        assert source.name in SOURCES.names()
