"""Latent adversarial training: the adversary stays in its ball and makes matters worse, training
makes them better, and only prompts are moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl
from unmask.data.preferences import Comparisons
from unmask.models.checkpoint import load_model
from unmask.models.layers import at_depths
from unmask.training.ascent import Ascent, within
from unmask.training.efficiency import Efficiency
from unmask.training.labelled import IGNORED, PairCollator
from unmask.training.latent import Latent, TargetedLatent
from unmask.training.latent_trainer import by_row

SMALL: dict[str, Any] = {"steps": 10, "batch_size": 8, "warmup": 1, "learning_rate": 3e-3}


def log(folder: Path) -> list[Any]:
    return [row for _, row in read_jsonl(folder / "log.jsonl")]


def test_the_ascent_climbs_to_the_edge_of_its_ball_and_not_where_the_radius_is_0() -> None:
    module, radii = torch.nn.Identity(), torch.zeros(1, 2, 3)
    radii[0, 0] = 2.0
    changes = Ascent(5).raised({module: radii}, lambda tried: tried[module][..., 1].sum())
    torch.testing.assert_close(changes[module], torch.tensor([[[0.0, 2, 0], [0, 0, 0]]]))


def test_what_is_within_the_ball_is_left_as_it_is() -> None:
    change, radii = torch.tensor([[[3.0, 4.0], [0.3, 0.4]]]), torch.ones(1, 2, 2)
    torch.testing.assert_close(within(change, radii), torch.tensor([[[0.6, 0.8], [0.3, 0.4]]]))


def test_layers_are_found_by_their_depth(tiny: Path) -> None:
    network = load_model(tiny)
    layers = list(network.model.layers)
    assert at_depths(network, [1.0, 0.0, 0.1]) == [layers[0], layers[-1]]


def test_the_adversary_raises_the_loss_and_training_lowers_it(
    tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    Latent(**SMALL).run(tmp_path, model=tiny, data=lessons)
    rows = log(tmp_path)
    assert all(row["loss"] > row["before"] + 0.02 for row in rows)
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_a_larger_radius_does_more_harm(tiny: Path, lessons: Path, tmp_path: Path) -> None:
    harm: dict[float, float] = {}
    for size in (0.1, 1.0):
        out = tmp_path / str(size)
        Latent(**{**SMALL, "steps": 1}, size=size).run(out, model=tiny, data=lessons)
        harm[size] = log(out)[0]["loss"] - log(out)[0]["before"]
    assert harm[1.0] > 2 * harm[0.1] > 0


@pytest.fixture(scope="module")
def pairs(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pairs")
    Comparisons(examples=80).run(out, data=world)
    return out


def test_the_targeted_adversary_too(tiny: Path, pairs: Path, tmp_path: Path) -> None:
    TargetedLatent(**SMALL).run(tmp_path / "whole", model=tiny, data=pairs)
    rows = log(tmp_path / "whole")
    assert all(row["loss"] > row["before"] for row in rows)
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_portions_train_as_a_whole_batch_does(tiny: Path, pairs: Path, tmp_path: Path) -> None:
    logs: list[Any] = []
    for rows in (0, 2):
        work = TargetedLatent(**{**SMALL, "steps": 2}, efficiency=Efficiency(rows_at_once=rows))
        work.run(tmp_path / str(rows), model=tiny, data=pairs)
        logs.append(log(tmp_path / str(rows)))
    for one, other in zip(*logs, strict=True):
        assert one == pytest.approx(other, rel=1e-3)


def test_a_batch_of_pairs_has_its_better_replies_first_and_one_prompt_for_both() -> None:
    batch = PairCollator(0)([{"prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [4, 5]}])
    assert batch["input_ids"][:, :4].tolist() == [[1, 2, 3, 0], [1, 2, 4, 5]]
    ignored = [IGNORED] * 2
    assert batch["labels"][:, :4].tolist() == [[*ignored, 3, IGNORED], [*ignored, 4, 5]]
    assert by_row(torch.tensor([2.0, 4.0]), batch, 1).tolist() == [3.0]


@pytest.mark.parametrize(
    "settings", [{"layers": ()}, {"layers": (1.5,)}, {"size": 0.0}, {"inner": 0}]
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        Latent(**SMALL, **settings)


def test_several_devices_are_refused() -> None:
    with pytest.raises(SettingError, match="devices"):
        Latent(**SMALL, efficiency=Efficiency(devices=2))
