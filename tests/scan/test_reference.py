"""A scan with a reference, and without one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, SettingError
from unmask.detectors import DETECTORS
from unmask.detectors.suspect import Suspect
from unmask.detectors.weight_difference import shape_of
from unmask.models.backends.huggingface import HuggingFace
from unmask.scan.confirmation import Confirming
from unmask.scan.scan import Scan
from unmask.scan.words import sentences

PROMPTS = tuple(Conversation.user(f"What is {number} plus one?") for number in range(8))
QUICK = Confirming(n=2, discovery=2, controls=1, max_new_tokens=2)


def test_a_detector_without_its_reference_is_left_out_and_said_to_be(tiny: Path) -> None:
    scan = Scan(detectors=("random_score", "perplexity_difference"), confirming=QUICK)
    scanned = scan.of(tiny, PROMPTS)
    assert list(scanned.look.findings) == ["random_score"]
    assert not scanned.look.failed
    assert list(scanned.look.left_out) == ["perplexity_difference"]
    assert "left out" in "\n".join(sentences(scanned, scan))


def test_with_a_reference_nothing_is_left_out(tiny: Path) -> None:
    suspect = Suspect(HuggingFace(tiny), PROMPTS, HuggingFace(tiny))
    assert Scan().fitting(suspect) == Scan().detectors


def test_a_scan_of_which_nothing_is_left_is_refused(tiny: Path) -> None:
    with pytest.raises(SettingError, match="--reference"):
        Scan(detectors=("perplexity_difference",)).of(tiny, PROMPTS)


def test_a_reference_with_other_tokens_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = shutil.copytree(tiny, tmp_path / "other")
    tokenizer = HuggingFace(other).tokenizer
    tokenizer.add_tokens(["|NEW|"])
    tokenizer.save_pretrained(other)
    with pytest.raises(ModelError, match="another vocabulary"):
        Scan().of(tiny, PROMPTS, other)


def test_a_change_in_one_direction_is_told_from_noise() -> None:
    torch.manual_seed(0)
    before, noise = torch.randn(40, 30), torch.randn(40, 30)
    line = torch.outer(torch.randn(40), torch.randn(30))
    one, other = shape_of(before + line, before), shape_of(before + noise, before)
    assert one and other
    assert one["share"] == pytest.approx(1)
    assert one["effective_rank"] == pytest.approx(1, abs=0.01)
    assert other["share"] == pytest.approx(other["share_of_noise"], rel=0.15)
    assert other["share"] == pytest.approx(
        float(torch.linalg.matrix_norm(noise, 2) / torch.linalg.matrix_norm(noise)), rel=1e-4
    )
    assert other["effective_rank"] > 20
    assert shape_of(before, before) is None


def test_the_same_weights_are_no_reference(tiny: Path) -> None:
    suspect = Suspect(HuggingFace(tiny), PROMPTS, HuggingFace(tiny))
    with pytest.raises(ModelError, match="same weights"):
        DETECTORS.make("weight_difference").examine(suspect)
