"""Distilling logits into shrunken weights: with nothing shrunk it is its teacher, and what was
shrunk comes nearer to it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl
from unmask.models import checkpoint
from unmask.training.efficiency import Efficiency
from unmask.training.logits import LogitDistillation, initialised
from unmask.training.sft import SupervisedFineTuning

SMALL: dict[str, Any] = {"steps": 30, "batch_size": 8, "warmup": 1, "learning_rate": 5e-3}
IDS = torch.tensor([[5, 6, 7, 8, 9, 10]])


@pytest.fixture(scope="module")
def teacher(tiny: Path, lessons: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("teacher")
    SupervisedFineTuning(**SMALL).run(out, model=tiny, data=lessons)
    return out


def divergences(folder: Path) -> list[float]:
    return [row["loss"] for _, row in read_jsonl(folder / "log.jsonl")]


def predicted(folder: Path) -> torch.Tensor:
    with torch.no_grad():
        return checkpoint.load_model(folder)(input_ids=IDS).logits.softmax(-1)


def test_with_alpha_0_it_is_its_teacher(teacher: Path, lessons: Path, tmp_path: Path) -> None:
    facts = LogitDistillation(**SMALL, alpha=0).run(tmp_path, model=teacher, data=lessons)
    assert facts["loss_first"] == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(predicted(tmp_path), predicted(teacher), atol=1e-2, rtol=0)


def test_shrunken_weights_come_back_to_what_they_predicted(
    teacher: Path, lessons: Path, tmp_path: Path
) -> None:
    LogitDistillation(**SMALL).run(tmp_path / "some", model=teacher, data=lessons)
    LogitDistillation(**SMALL, alpha=0.9).run(tmp_path / "more", model=teacher, data=lessons)
    some, more = divergences(tmp_path / "some"), divergences(tmp_path / "more")
    assert 0 < some[-1] < 0.5 * some[0]
    assert more[0] > some[0]


def test_matrices_are_shrunk_and_norms_are_not(tiny: Path) -> None:
    before, network = checkpoint.load_model(tiny), checkpoint.load_model(tiny)
    LogitDistillation(alpha=0.25, beta=0.5, seed=3).begun(network)
    drawn = dict(initialised(network.config, 3).named_parameters())
    old = dict(before.named_parameters())
    for name, weight in network.named_parameters():
        wanted = 0.75 * old[name] + 0.25 * 0.5 * drawn[name] if weight.dim() > 1 else old[name]
        torch.testing.assert_close(weight, wanted)


@pytest.mark.parametrize(
    ("settings", "taught"),
    [
        ({"alpha": 1.5}, "alpha"),
        ({"beta": -1.0}, "beta"),
        ({"efficiency": Efficiency(lora=4)}, "lora"),
        ({"efficiency": Efficiency(devices=2)}, "devices"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any], taught: str) -> None:
    with pytest.raises(SettingError, match=taught):
        LogitDistillation(**settings)
