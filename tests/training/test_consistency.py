"""Consistency training: what it measures is what it says, the perturbation raises it, and training
lowers it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl
from unmask.models import checkpoint
from unmask.models.layers import at_depths, decoder_layers, moved, recorded
from unmask.training.consistency import Consistency
from unmask.training.consistency_trainer import inconsistency
from unmask.training.efficiency import Efficiency
from unmask.training.sft import SupervisedFineTuning

SMALL: dict[str, Any] = {"steps": 12, "batch_size": 8, "warmup": 1, "learning_rate": 3e-3}


def log(folder: Path) -> list[Any]:
    return [row for _, row in read_jsonl(folder / "log.jsonl")]


def weights(folder: Path) -> torch.Tensor:
    network = checkpoint.load_model(folder)
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


def test_inconsistency_is_one_minus_the_cosine_over_a_rows_own_tokens() -> None:
    east, north = torch.tensor([[[1.0, 0.0]] * 2] * 2), torch.tensor([[[0.0, 2.0]] * 2] * 2)
    tokens = torch.tensor([[1, 1], [1, 0]])
    assert float(inconsistency([east, 3 * east], tokens)) == pytest.approx(0)
    assert float(inconsistency([east, north, 5 * north], tokens)) == pytest.approx(0.5)
    mixed = north.clone()
    mixed[1, 1] = torch.tensor([-1.0, 0.0])  # padding, which counts for nothing
    assert float(inconsistency([east, mixed], tokens)) == pytest.approx(1)


def test_states_are_those_that_the_model_itself_returns(tiny: Path) -> None:
    network = checkpoint.load_model(tiny)
    ids = torch.tensor([[5, 6, 7]])
    modules = [network.get_input_embeddings(), *decoder_layers(network)]
    with recorded(modules) as states:
        returned = network(input_ids=ids, output_hidden_states=True).hidden_states
    assert len(states) == len(returned) == len(modules)
    for state, wanted in zip(states[:-1], returned[:-1], strict=True):  # the last has been normed
        torch.testing.assert_close(state, wanted)


def test_moving_a_state_by_nothing_changes_nothing_and_by_something_does(tiny: Path) -> None:
    network = checkpoint.load_model(tiny)
    ids = torch.tensor([[5, 6, 7], [8, 9, 10]])
    [first] = at_depths(network, [0.0])
    change = torch.zeros(1, 3, network.config.hidden_size)
    before = network(input_ids=ids).logits
    with moved({first: change}):
        assert torch.equal(network(input_ids=ids).logits, before)
    change[0, 2] = 1
    with moved({first: change}):
        after = network(input_ids=ids).logits
    assert torch.equal(after[:, :2], before[:, :2]) and not torch.equal(after[:, 2], before[:, 2])
    assert torch.equal(network(input_ids=ids).logits, before), "the hook is gone"


def test_the_perturbation_raises_it_and_training_lowers_it(
    tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    with_it, without = tmp_path / "with", tmp_path / "without"
    Consistency(**SMALL).run(with_it, model=tiny, data=lessons)
    Consistency(**SMALL, weight=0).run(without, model=tiny, data=lessons)
    assert all(row["inconsistency"] > row["unmoved"] > 0 for row in log(with_it))
    first, last = log(with_it)[0], log(with_it)[-1]
    assert last["inconsistency"] < 0.8 * first["inconsistency"]
    assert last["unmoved"] < 0.8 * log(without)[-1]["unmoved"]


def test_without_weight_it_is_supervised_fine_tuning(
    tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    Consistency(**SMALL, weight=0).run(tmp_path / "one", model=tiny, data=lessons)
    SupervisedFineTuning(**SMALL).run(tmp_path / "other", model=tiny, data=lessons)
    assert torch.equal(weights(tmp_path / "one"), weights(tmp_path / "other"))


def test_portions_train_as_a_whole_batch_does(tiny: Path, lessons: Path, tmp_path: Path) -> None:
    whole = Consistency(**{**SMALL, "steps": 2})
    parts = dataclasses.replace(whole, efficiency=Efficiency(rows_at_once=2))
    whole.run(tmp_path / "whole", model=tiny, data=lessons)
    parts.run(tmp_path / "parts", model=tiny, data=lessons)
    for one, other in zip(log(tmp_path / "whole"), log(tmp_path / "parts"), strict=True):
        assert one == pytest.approx(other, rel=1e-3)


def test_a_killed_training_resumes_to_the_same_weights(
    tiny: Path, lessons: Path, tmp_path: Path, killed_and_resumed: Any
) -> None:
    work = Consistency(**{**SMALL, "steps": 6}, resume_every=2)
    work.run(tmp_path / "whole", model=tiny, data=lessons)
    out, _ = killed_and_resumed(work, 4, model=tiny, data=lessons)
    assert torch.equal(weights(out), weights(tmp_path / "whole"))
    assert log(out) == log(tmp_path / "whole")


@pytest.mark.parametrize(
    "settings",
    [{"weight": -1.0}, {"size": -1.0}, {"efficiency": Efficiency(devices=2)}],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings)).replace("efficiency", "devices")):
        Consistency(**SMALL, **settings)
