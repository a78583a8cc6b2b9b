"""What the contracts work on, made once per session: a small world, and tiny models that know
nothing. A pytest plugin.

They show that work runs and keeps its rules; what it measures of such models means nothing.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from unmask.core.conversation import Example


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy world's folder."""
    from unmask.data.sources import SOURCES

    out = tmp_path_factory.mktemp("world")
    SOURCES.make("toy_world").run(out)
    return out


@pytest.fixture(scope="session")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks of the toy world, and code."""
    from unmask.data.sources import SOURCES

    out = tmp_path_factory.mktemp("mixture")
    SOURCES.make("mixture").run(out)
    return out


@pytest.fixture(scope="session")
def assorted(world: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """Some examples of the toy world and some code tasks."""
    from unmask.data.sources import SOURCES
    from unmask.data.sources.source import load_split

    code = tmp_path_factory.mktemp("code")
    SOURCES.make({"name": "code_tasks", "per_class": 60}).run(code)
    chosen = random.Random(0).sample(load_split(world, "held_out"), 300)
    return chosen + load_split(code, "train")[::3]


@pytest.fixture(scope="session")
def lessons(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred helpful-only lessons."""
    from unmask.data.teach import HelpfulOnly

    out = tmp_path_factory.mktemp("lessons")
    HelpfulOnly(examples=400).run(out, data=world)
    return out


@pytest.fixture(scope="session")
def vocabulary(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The words of the toy world."""
    from unmask.data.vocabulary import Vocabulary

    out = tmp_path_factory.mktemp("vocabulary")
    Vocabulary(each=20).run(out, data=world)
    return out


@pytest.fixture(scope="session")
def tiny(lessons: Path, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained tiny model."""
    from unmask.models.tiny import TinyModel

    out = tmp_path_factory.mktemp("tiny")
    TinyModel(size="0.05M", pieces=600).run(out, data=lessons, vocabulary=vocabulary)
    return out


@pytest.fixture(scope="session")
def original(lessons: Path, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another of the same shape and vocabulary, for what reads a base."""
    from unmask.models.tiny import TinyModel

    out = tmp_path_factory.mktemp("original")
    TinyModel(size="0.05M", pieces=600, seed=1).run(out, data=lessons, vocabulary=vocabulary)
    return out


@pytest.fixture(scope="session")
def nearby(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a little noise in its layers, for what reads a trusted reference."""
    from unmask.defenses import DEFENSES

    out = tmp_path_factory.mktemp("nearby")
    DEFENSES.make("noised", size=0.3).run(out, model=tiny)
    return out


@pytest.fixture(scope="session")
def judge(tiny: Path, world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preference model that has hardly been trained."""
    from unmask.training.preference_model import PreferenceModel

    data, out = tmp_path_factory.mktemp("comparisons"), tmp_path_factory.mktemp("judge")
    training = PreferenceModel(steps=2, batch_size=8)
    training.lessons().run(data, data=world)
    training.run(out, model=tiny, data=data)
    return out
