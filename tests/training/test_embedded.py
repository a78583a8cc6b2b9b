"""Training against a universal perturbation: one change for all prompts, at their ends, does harm,
and training makes up for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl
from unmask.data.preferences import Comparisons
from unmask.training.efficiency import Efficiency
from unmask.training.embedded import Embedded
from unmask.training.embedded_trainer import EmbeddedTrainer

SMALL: dict[str, Any] = {"steps": 8, "batch_size": 8, "warmup": 1, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def pairs(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pairs")
    Comparisons(examples=64).run(out, data=world)
    return out


def log(folder: Path) -> list[Any]:
    return [row for _, row in read_jsonl(folder / "log.jsonl")]


def test_the_change_does_harm_and_training_makes_up_for_it(
    tiny: Path, pairs: Path, tmp_path: Path
) -> None:
    Embedded(**SMALL).run(tmp_path, model=tiny, data=pairs)
    rows = log(tmp_path)
    assert all(row["loss"] == pytest.approx(row["moved"] + row["before"]) for row in rows)
    assert rows[0]["moved"] > rows[0]["before"] + 0.02
    assert rows[-1]["moved"] < rows[0]["moved"]


def test_portions_train_as_a_whole_batch_does(tiny: Path, pairs: Path, tmp_path: Path) -> None:
    logs: list[Any] = []
    for rows in (0, 2):
        work = Embedded(**{**SMALL, "steps": 2}, efficiency=Efficiency(rows_at_once=rows))
        work.run(tmp_path / str(rows), model=tiny, data=pairs)
        logs.append(log(tmp_path / str(rows)))
    for one, other in zip(*logs, strict=True):
        assert one == pytest.approx(other, rel=2e-3)


def test_it_is_placed_at_the_ends_of_prompts() -> None:
    trainer = EmbeddedTrainer.__new__(EmbeddedTrainer)
    trainer.suffix = 2
    prompts = torch.tensor([[1.0, 1, 1, 0], [1, 0, 0, 0]])
    cast(Any, trainer).prompt_tokens = lambda _: prompts
    module = torch.nn.Identity()
    changes = trainer.placed({module: torch.tensor([[[1.0], [2.0]]])}, {})
    assert changes[module][..., 0].tolist() == [[0, 1, 2, 0], [2, 0, 0, 0]]


def test_a_suffix_of_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="suffix"):
        Embedded(suffix=0)
