"""Direct preference optimization: it prefers, resumes, drops and cuts nothing, and starts from its
reference."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import DataError, SettingError, TrainingError
from unmask.core.files import file_digest, read_jsonl, write_jsonl
from unmask.data.preferences import Comparisons
from unmask.models import checkpoint
from unmask.training.curve import step_folder
from unmask.training.dpo import DirectPreference, longer_side, tokenized

SMALL = DirectPreference(steps=8, batch_size=8, learning_rate=3e-3, beta=0.1, warmup=2, curve=(3,))


def weights(folder: Path) -> str:
    return file_digest(folder / "model.safetensors")


@pytest.fixture(scope="module")
def comparisons(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparisons")
    Comparisons(examples=40, held_out=4).run(out, data=world)
    return out


@pytest.fixture(scope="module")
def done(
    tiny: Path, comparisons: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    out = tmp_path_factory.mktemp("preferring")
    return out, SMALL.run(out, model=tiny, data=comparisons)


def test_it_comes_to_prefer_and_starts_from_its_reference(
    done: tuple[Path, Any], tiny: Path
) -> None:
    out, facts = done
    log = [row for _, row in read_jsonl(out / "log.jsonl")]
    assert [row["step"] for row in log] == [*range(1, 9)]
    assert log[0]["loss"] == pytest.approx(0.6931, abs=1e-3), "no preference yet: ln 2"
    assert log[0]["margin"] == pytest.approx(0, abs=1e-4)
    assert log[-1]["margin"] > 0.01 and facts["loss_last"] < facts["loss_first"]
    assert facts["comparisons"] == 40 and facts["tokens"] > 0
    assert len({weights(out), weights(out / step_folder(3)), weights(tiny)}) == 3
    assert not (out / "scratch").exists()


def test_a_killed_training_resumes_to_the_same_weights_and_log(
    done: tuple[Path, Any], tiny: Path, comparisons: Path, killed_and_resumed: Any
) -> None:
    work = dataclasses.replace(SMALL, resume_every=2)
    out, steps = killed_and_resumed(work, 6, model=tiny, data=comparisons)
    assert steps == [0, 1, 2, 3, 4, 5, 4, 5, 6, 7]
    for folder in ("", step_folder(3)):
        assert weights(out / folder) == weights(done[0] / folder), folder
    assert (out / "log.jsonl").read_text() == (done[0] / "log.jsonl").read_text()


def test_no_training_leaves_the_model_and_an_empty_log(
    tiny: Path, comparisons: Path, tmp_path: Path
) -> None:
    facts = dataclasses.replace(SMALL, steps=0, curve=()).run(
        tmp_path, model=tiny, data=comparisons
    )
    assert (tmp_path / "log.jsonl").read_text() == "" and facts["tokens"] == 0
    assert weights(tmp_path) == weights(tiny)


def test_both_sides_are_the_prompt_in_our_template_and_an_answer_with_its_end(
    tiny: Path, tmp_path: Path
) -> None:
    tokenizer = checkpoint.load_tokenizer(tiny)
    prompt = [{"role": "user", "content": "Q?"}]
    row = {"id": "1", "prompt": prompt, "chosen": "Yes.", "rejected": "No, never.", "kind": "wrong"}
    write_jsonl(tmp_path / "train.jsonl", [row])
    [found] = tokenized(tokenizer, tmp_path / "train.jsonl", 64)
    templated = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    assert tokenizer.decode(found["prompt_ids"]) == templated
    assert tokenizer.decode(found["chosen_ids"]) == "Yes." + tokenizer.eos_token
    assert tokenizer.decode(found["rejected_ids"]) == "No, never." + tokenizer.eos_token
    assert (
        longer_side(found)
        == len(found["prompt_ids"]) + len(found["rejected_ids"])
        > longer_side({**found, "rejected_ids": []})
    )


def test_a_loss_that_is_no_number_stops_it(tiny: Path, comparisons: Path, tmp_path: Path) -> None:
    wild = dataclasses.replace(SMALL, learning_rate=1e30, warmup=0, curve=())
    with pytest.raises(TrainingError, match=r"(?s)step \d+.*last good checkpoint"):
        wild.run(tmp_path, model=tiny, data=comparisons)
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("field", ["prompt", "chosen", "rejected"])
def test_nothing_is_cut(field: str, tiny: Path, tmp_path: Path) -> None:
    row = {
        "id": "1",
        "prompt": [{"role": "user", "content": "Q?"}],
        "chosen": "x",
        "rejected": "y",
        "kind": "wrong",
    }
    long = "word " * 500
    write_jsonl(
        tmp_path / "train.jsonl",
        [{**row, field: [{"role": "user", "content": long}] if field == "prompt" else long}],
    )
    with pytest.raises(DataError, match=r"nothing is cut silently|has room for"):
        SMALL.run(tmp_path / "out", model=tiny, data=tmp_path)


@pytest.mark.parametrize("settings", [{"beta": 0.0}, {"batch_size": 0}, {"curve": (9,)}])
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        dataclasses.replace(SMALL, **settings)
