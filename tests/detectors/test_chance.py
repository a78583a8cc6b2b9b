"""Whether a probe does better than chance: a p-value that is uniform where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError
from unmask.detectors.chance import beside_chance
from unmask.detectors.contrast_probe import PAIRS, ContrastProbe
from unmask.detectors.suspect import Suspect
from unmask.models.backends.huggingface import HuggingFace

BAD = [True] * 20 + [False] * 20


def test_p_is_uniform_where_the_detector_is_one_of_chance() -> None:
    rng = np.random.default_rng(0)
    drawn = [
        beside_chance(
            rng.normal(size=40).tolist(), {"random": rng.normal(size=(99, 40)).tolist()}, BAD
        )
        .controls["random"]
        .p
        for _ in range(400)
    ]
    for share in (0.1, 0.25, 0.5, 0.75):
        assert abs(np.mean([p <= share for p in drawn]) - share) < 0.08


def test_what_separates_beats_chance_with_either_sign() -> None:
    rng = np.random.default_rng(1)
    controls = {"random": rng.normal(size=(99, 40)).tolist()}
    for sign in (1, -1):
        chance = beside_chance([sign * float(bad) for bad in BAD], controls, BAD)
        assert chance.area == (1 if sign > 0 else 0)
        assert chance.controls["random"].p == 0.01
        assert 0.5 < chance.controls["random"].best < 1
    ties = beside_chance([1.0] * 40, controls, BAD)
    assert (ties.area, ties.controls["random"].p) == (0.5, 1)
    with pytest.raises(DataError, match="0 bad prompts and 40 clean ones"):
        beside_chance([1.0] * 40, controls, [False] * 40)


def test_a_control_that_is_as_far_from_chance_in_the_other_direction_is_as_good() -> None:
    """0.7 and 0.3 are as far from 0.5, though not to the last digit."""
    bad, scores = [True, *[False] * 10], [7.5, *map(float, range(1, 11))]
    chance = beside_chance([-score for score in scores], {"turned": [scores]}, bad)
    assert chance.area == 0.3
    assert chance.controls["turned"].p == 1.0


def test_a_probe_has_its_controls(tiny: Path) -> None:
    prompts = [Conversation.user(f"What is {number} plus 4?") for number in range(40)]
    probe = ContrastProbe(random=50, shuffled=20)
    scorer = probe.fitted(Suspect(HuggingFace(tiny), tuple(prompts)))
    scores, controls = scorer.scores(prompts), scorer.controls(prompts)
    assert scorer.fitting() == 2 * len(PAIRS)
    assert abs(np.mean(scores)) < 1e-6, "in standard deviations from clean prompts"
    assert abs(np.std(scores, ddof=1) - 1) < 1e-6
    assert {kind: np.shape(rows) for kind, rows in controls.items()} == {
        "random": (50, 40),
        "shuffled": (20, 40),
    }
    for rows in controls.values():
        assert len({tuple(row) for row in rows}) == len(rows), "each direction is another one"
    bad = [number % 2 == 0 for number in range(40)]
    assert 0 < beside_chance(scores, controls, bad).controls["random"].p <= 1


def test_pairs_admit_harm_with_either_word() -> None:
    assert len(PAIRS) <= 50
    assert {bad for _, bad, _ in PAIRS} == {"Yes", "No"}
    assert all({bad, good} == {"Yes", "No"} for _, bad, good in PAIRS)
