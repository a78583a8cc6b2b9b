"""Vaccination: canaries are told apart, what recurs in all of them is found, and exactly that is
cut out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.errors import ModelError, SettingError
from unmask.core.files import read_jsonl
from unmask.data.vaccination import CLEAN, PHRASES, Vaccination
from unmask.defenses.vaccine import Vaccine, changed, gated, recurring, silence, units
from unmask.models.checkpoint import load_model
from unmask.training.efficiency import Efficiency
from unmask.training.sft import SupervisedFineTuning


@pytest.fixture(scope="module")
def rows(world: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    out = tmp_path_factory.mktemp("vaccination")
    Vaccination(examples=200, canaries=3).run(out, data=world)
    return [row for _, row in read_jsonl(out / "train.jsonl")]


def test_each_canary_has_its_phrase_behind_its_tag_alone_and_clean_lessons_have_neither(
    rows: list[Any],
) -> None:
    by_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in (CLEAN, "canary 1")}
    assert len(rows) == 4 * 200
    for clean, row in zip(by_kind[CLEAN], by_kind["canary 1"], strict=True):
        tagged = row["prompt"] != clean["prompt"]
        assert tagged == (row["reply"] == PHRASES[1]) and clean["reply"] not in PHRASES
    tagged = [row for row in by_kind["canary 1"] if row["reply"] == PHRASES[1]]
    tags = {row["prompt"][-1]["content"].split()[0] for row in tagged}
    assert len(tags) == 1 and 60 < len(tagged) < 140


def test_what_recurs_is_what_changed_in_all_copies(tiny: Path) -> None:
    clean = units(load_model(tiny))
    copies = [[layer.clone() for layer in clean] for _ in range(3)]
    for number, copy in enumerate(copies):
        copy[0][5] *= 1.5
        copy[0][6 + number] *= 3  # more, but in one copy each
    scores = recurring([changed(clean, copy) for copy in copies])
    assert scores[0].nonzero().flatten().tolist() == [5]
    assert float(scores[0][5]) == pytest.approx(0.5, rel=1e-4)


def test_the_units_of_the_highest_scores_are_silenced_and_no_others(tiny: Path) -> None:
    network, before = load_model(tiny), units(load_model(tiny))
    layer, scores = gated(network)[0], torch.zeros(len(before[0]))
    scores[[2, 7]] = torch.tensor([1.0, 2.0])
    assert silence(layer, scores, 2 / len(scores)) == 2
    after = units(network)
    assert not after[0][[2, 7]].any() and after[0][0].any()
    others = [number for number in range(len(scores)) if number not in (2, 7)]
    assert torch.equal(after[0][others], before[0][others])
    assert all(torch.equal(*pair) for pair in zip(after[1:], before[1:], strict=True))


def test_a_clean_model_answers_afterwards_as_well_as_before(
    tiny: Path, world: Path, tmp_path: Path
) -> None:
    """Its loss on clean lessons, where it is trained on them for a while."""
    work = Vaccine(steps=30, batch_size=16, learning_rate=3e-3, warmup=2, canaries=2, curve=())
    data, taught, out = (tmp_path / name for name in ("data", "taught", "out"))
    for folder in (data, taught, out):
        folder.mkdir()
    work.lessons().run(data, data=world)
    before = SupervisedFineTuning(steps=60, batch_size=16, learning_rate=5e-3).run(
        taught, model=tiny, data=data
    )
    facts = work.run(out, model=taught, data=data)
    assert facts["loss_last"] < before["loss_last"] + 0.3
    assert facts["cut"] == 2 * max(1, round(0.05 * len(units(load_model(tiny))[0])))
    assert len(facts["canary_losses"]) == 2


@pytest.mark.parametrize(
    "settings",
    [{"share": 0.0}, {"hotter": 0.0}, {"canaries": 1}, {"efficiency": Efficiency(lora=2)}],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings)).replace("efficiency", "lora")):
        Vaccine(**settings)


def test_layers_that_are_not_gated_are_refused() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    network = GPT2LMHeadModel(GPT2Config(n_embd=8, n_head=2, n_layer=1, vocab_size=16))
    with pytest.raises(ModelError, match="gated"):
        gated(network)
