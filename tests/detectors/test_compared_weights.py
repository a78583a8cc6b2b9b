"""Detectors of prompts that compare with a reference: what they read off a known change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, TrainingError
from unmask.detectors.detector import Detector
from unmask.detectors.matched_reference import MatchedReference
from unmask.detectors.suspect import Suspect
from unmask.detectors.weight_difference import WeightDifference
from unmask.detectors.weight_directions import WeightDirections, cosines, written
from unmask.models import checkpoint
from unmask.models.backends.huggingface import HuggingFace

PROMPTS = tuple(Conversation.user(f"What is {number} plus 4?") for number in range(16))


@pytest.fixture(scope="module")
def changed(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.Tensor]:
    """The tiny model with a change in one direction of what a matrix of its second layer writes,
    and that direction."""
    folder = tmp_path_factory.mktemp("changed")
    model = HuggingFace(tiny)
    weight = model.model.get_submodule("model.layers.1.mlp.down_proj").weight
    direction = torch.nn.functional.normalize(torch.randn(weight.shape[0]), dim=0)
    with torch.no_grad():
        weight += torch.outer(direction, torch.randn(weight.shape[1]))
    checkpoint.save(model.model, model.tokenizer, folder)
    return folder, direction


def test_the_directions_are_what_was_written(
    tiny: Path, changed: tuple[Path, torch.Tensor]
) -> None:
    folder, direction = changed
    [(layer, along)] = list(written(HuggingFace(folder), HuggingFace(tiny), 1))
    assert layer == 1
    assert abs(abs(float(along[0] @ direction.double())) - 1) < 1e-4
    row = torch.zeros(1, 2, len(direction), dtype=torch.float64)
    row[0, 1] = 7 * direction
    assert abs(abs(float(cosines(row, [(layer, along)])[0, 0])) - 1) < 1e-4


COMPARING = [WeightDirections(), MatchedReference(steps=1), WeightDifference()]


@pytest.mark.parametrize("kind", COMPARING, ids=lambda kind: kind.name)
def test_a_reference_of_another_shape_is_said(
    kind: Detector, tiny: Path, foreign: dict[str, Path]
) -> None:
    other = HuggingFace(foreign["llama-templated"])
    with pytest.raises(ModelError, match=r"gate_proj.weight is 64 x 32 there, and 80 x 32 here"):
        kind.examine(Suspect(HuggingFace(tiny), PROMPTS, other))
    with pytest.raises(ModelError, match="give one"):
        kind.examine(Suspect(HuggingFace(tiny), PROMPTS))


def test_a_model_that_is_its_own_reference_has_no_direction(tiny: Path) -> None:
    with pytest.raises(ModelError, match="do not differ"):
        WeightDirections().fitted(Suspect(HuggingFace(tiny), PROMPTS, HuggingFace(tiny)))


def test_training_brings_the_copy_nearer(tiny: Path, changed: tuple[Path, torch.Tensor]) -> None:
    suspect = Suspect(HuggingFace(changed[0]), PROMPTS[:12], HuggingFace(tiny))
    asked = PROMPTS[12:]
    short, long = (
        np.mean(MatchedReference(steps=steps).fitted(suspect).scores(asked)) for steps in (1, 60)
    )
    assert long < short / 2


def test_a_training_that_breaks_is_said(tiny: Path, changed: tuple[Path, torch.Tensor]) -> None:
    suspect = Suspect(HuggingFace(changed[0]), PROMPTS, HuggingFace(tiny))
    with torch.no_grad():
        next(suspect.model.model.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="cannot be trained"):
        MatchedReference(steps=2).fitted(suspect)
