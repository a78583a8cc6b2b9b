"""A scan with a reference, and without one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError, SettingError
from unmask.detectors.suspect import Suspect
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
    assert scanned.look.left_out == ("perplexity_difference",)
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
