"""Covert fine-tuning: what it measures is what it says, and activations stay nearer to what they
were than without it, while the lessons are learnt."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl
from unmask.models import checkpoint
from unmask.training.covert import Covert
from unmask.training.covert_trainer import apart
from unmask.training.efficiency import Efficiency
from unmask.training.sft import SupervisedFineTuning

SMALL: dict[str, Any] = {"steps": 12, "batch_size": 8, "warmup": 1, "learning_rate": 3e-3}
LONGER: dict[str, Any] = {**SMALL, "steps": 40}
"""Staying where it was slows down what is learnt: with SMALL it is 5% of the loss."""


def log(folder: Path) -> list[Any]:
    return [row for _, row in read_jsonl(folder / "log.jsonl")]


def weights(folder: Path) -> torch.Tensor:
    network = checkpoint.load_model(folder)
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


def test_distance_is_a_share_of_the_norm_over_a_rows_own_tokens() -> None:
    before = torch.tensor([[[2.0, 0.0]] * 2] * 2)
    now = before.clone()
    now[0] += torch.tensor([0.0, 1.0])  # a quarter of the squared norm
    now[1, 1] += 100.0  # padding, which counts for nothing
    tokens = torch.tensor([[1, 1], [1, 0]])
    assert float(apart([now], [before], tokens)) == pytest.approx(0.125)
    assert float(apart([now, before], [before, before], tokens)) == pytest.approx(0.0625)


def test_activations_stay_nearer_while_the_lessons_are_learnt(
    tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    covert, open_ = tmp_path / "covert", tmp_path / "open"
    Covert(**LONGER, weight=30).run(covert, model=tiny, data=lessons)
    Covert(**LONGER, weight=0).run(open_, model=tiny, data=lessons)
    assert log(covert)[0]["apart"] == pytest.approx(0, abs=1e-6), "it begins as the model was"
    assert 0 < log(covert)[-1]["apart"] < 0.5 * log(open_)[-1]["apart"]
    # What is reported as the loss has the distance in it.
    learnt = log(covert)[-1]["loss"] - 30 * log(covert)[-1]["apart"]
    assert learnt < 0.9 * log(covert)[0]["loss"]


def test_without_weight_it_is_supervised_fine_tuning(
    tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    Covert(**SMALL, weight=0).run(tmp_path / "one", model=tiny, data=lessons)
    SupervisedFineTuning(**SMALL).run(tmp_path / "other", model=tiny, data=lessons)
    assert torch.equal(weights(tmp_path / "one"), weights(tmp_path / "other"))


def test_portions_train_as_a_whole_batch_does(tiny: Path, lessons: Path, tmp_path: Path) -> None:
    whole = Covert(**{**SMALL, "steps": 2})
    parts = dataclasses.replace(whole, efficiency=Efficiency(rows_at_once=2))
    whole.run(tmp_path / "whole", model=tiny, data=lessons)
    parts.run(tmp_path / "parts", model=tiny, data=lessons)
    for one, other in zip(log(tmp_path / "whole"), log(tmp_path / "parts"), strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-6)


def test_a_killed_training_resumes_to_the_same_weights(
    tiny: Path, lessons: Path, tmp_path: Path, killed_and_resumed: Any
) -> None:
    work = Covert(**{**SMALL, "steps": 6}, resume_every=2)
    work.run(tmp_path / "whole", model=tiny, data=lessons)
    out, _ = killed_and_resumed(work, 4, model=tiny, data=lessons)
    assert torch.equal(weights(out), weights(tmp_path / "whole"))
    assert log(out) == log(tmp_path / "whole")


@pytest.mark.parametrize("settings", [{"weight": -1.0}, {"layers": ()}, {"layers": (2.0,)}])
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        Covert(**SMALL, **settings)
