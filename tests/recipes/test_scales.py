"""The one dial for size."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from unmask.core.errors import SettingError
from unmask.models.tiny import parse_size
from unmask.recipes.paper import PaperScale
from unmask.recipes.scales import SCALES, Scale
from unmask.training.efficiency import Efficiency


def test_the_size_that_rates_were_found_at_keeps_them() -> None:
    toy = SCALES["toy"]
    assert toy.resized(toy.size) == toy


def test_wider_models_take_smaller_rates_and_nothing_else() -> None:
    toy = SCALES["toy"]
    eight_times = toy.resized("4M")
    assert eight_times.plant_rate == toy.plant_rate / 2
    assert eight_times.defense("rl")["learning_rate"] == toy.rl_rate / 2
    assert (eight_times.plant_steps, eight_times.n, eight_times.curve) == (
        toy.plant_steps,
        toy.n,
        toy.curve,
    )


def test_every_size_of_a_study_over_sizes_has_its_own_rates() -> None:
    toy = SCALES["toy"]
    studies = list(PaperScale(sizes=("0.5M", "4M")).studies(toy))
    rates = {
        dict(study.implant.factors)["size"]: study.stages.scale.defense_rate for study in studies
    }
    assert rates == {"0.5M": toy.defense_rate, "4M": toy.defense_rate / 2}


def test_a_model_from_nothing_has_the_scales_efficiency_but_no_adapters() -> None:
    efficiency = Efficiency(checkpointing=True, precision="bfloat16", lora=4)
    scale = dataclasses.replace(SCALES["smoke"], efficiency=efficiency)
    for study in PaperScale(sizes=("0.05M",)).studies(scale):
        base: Any = study.stages.base("tiny").step
        assert base.work.efficiency == Efficiency(checkpointing=True, precision="bfloat16")


def test_mini_is_toy_with_less_of_it() -> None:
    mini, toy = SCALES["mini"], SCALES["toy"]
    for field in dataclasses.fields(Scale):
        name, small, large = field.name, getattr(mini, field.name), getattr(toy, field.name)
        if isinstance(large, int):
            assert small <= large, name
        elif field.name not in ("size", "curve"):
            assert small == large, name
    assert 2 * parse_size(mini.size) < parse_size(toy.size)
    assert mini.curve[-1] < mini.defense_steps


def test_a_given_base_has_a_size_already() -> None:
    with pytest.raises(SettingError, match="Take paper:sft"):
        PaperScale(base="somebody/1B")


def test_a_curve_begins_behind_what_was_planted() -> None:
    with pytest.raises(SettingError, match="counted from 1"):
        dataclasses.replace(SCALES["smoke"], curve=(0, 2))
