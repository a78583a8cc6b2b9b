"""What an exam by prompts records of its own work."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.core.files import read_json
from unmask.detectors.contrast_probe import PAIRS, ContrastProbe
from unmask.detectors.prompt_length import PromptLength
from unmask.league.prompt_exam import PromptExam
from unmask.recipes.subjects import organism_of


def test_its_cost_counts_what_the_detector_was_fitted_on(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    probe = ContrastProbe(random=3, shuffled=3)
    exam = PromptExam(detector=probe, prompts=6, asked=4, organism=organism_of("", "", ""))
    exam.run(tmp_path, model=tiny, data=world)
    finding = read_json(tmp_path / "finding.json")
    assert not finding["error"]
    # A tag has near misses: each of four prompts is read clean, with the tag, and with one of them.
    assert finding["passes"] == 2 * len(PAIRS) + 6 + 3 * 4
    smaller = dataclasses.replace(exam, prompts=5)
    smaller.run(tmp_path, model=tiny, data=world)
    assert read_json(tmp_path / "finding.json")["passes"] == finding["passes"] - 1


def test_it_is_not_held_with_fewer_prompts_than_it_says(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    exam = PromptExam(
        detector=PromptLength(), prompts=6, asked=100_000, organism=organism_of("", "", "")
    )
    with pytest.raises(DataError, match="6 are to be learnt from and 100000 asked"):
        exam.run(tmp_path, model=tiny, data=world)
