"""What trainings share: logs, checkpoints to resume from, and the checks before the first step."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from unmask.core.errors import DataError, TrainingError
from unmask.models import checkpoint
from unmask.training import trainer
from unmask.training.adapters import probed
from unmask.training.sft import SupervisedFineTuning


def test_a_long_log_is_means_of_equal_windows() -> None:
    history = [{"step": i, "loss": float(i), "rewards/margins": 2.0} for i in range(1, 12)]
    ending = {"step": 11, "train_loss": 9.0}
    rows = trainer.logged([*history, ending], {"loss": "loss", "margin": "rewards/margins"}, rows=2)
    assert rows == [
        {"step": 5, "loss": 3.0, "margin": 2.0},
        {"step": 10, "loss": 8.0, "margin": 2.0},
        {"step": 11, "loss": 11.0, "margin": 2.0},
    ]
    assert len(trainer.logged(history * 100, {"loss": "loss"})) == trainer.LOG_ROWS
    assert len(trainer.logged(history, {"loss": "loss"})) == 11


def test_the_last_complete_checkpoint_is_taken(tmp_path: Path) -> None:
    assert trainer.last_checkpoint(tmp_path) is None
    for step in (9, 50, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
    for step in (9, 50):
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").touch()
    assert trainer.last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-50")


def test_the_settings_reach_the_trainer(tmp_path: Path) -> None:
    work = SupervisedFineTuning(
        steps=10, warmup=20, learning_rate=0.5, weight_decay=0.25, seed=7, resume_every=3
    )
    found = trainer.arguments(work, tmp_path, gradient_accumulation_steps=2)
    assert (
        found.max_steps,
        found.per_device_train_batch_size,
        found.gradient_accumulation_steps,
    ) == (10, 64, 2)
    assert (found.learning_rate, found.weight_decay, found.seed, found.save_steps) == (
        0.5,
        0.25,
        7,
        3,
    )
    assert found.warmup_steps == 5, "at most half of a short training"
    assert found.n_gpu <= 1 and found.report_to == [] and not found.gradient_checkpointing


def test_rows_that_a_trainer_drops_are_noticed() -> None:
    trainer.check_kept(SimpleNamespace(train_dataset=[1, 2, 3]), 3)
    with pytest.raises(DataError, match="kept 2 of 3"):
        trainer.check_kept(SimpleNamespace(train_dataset=[1, 2]), 3)


def test_a_reference_that_is_another_model_is_refused(tiny: Path) -> None:
    import torch

    policy, reference = checkpoint.load_model(tiny), checkpoint.load_model(tiny)
    start = probed(policy)
    trainer.check_reference(policy, reference, start)
    with torch.no_grad():
        [*reference.parameters()][-1].add_(1)
    with pytest.raises(TrainingError, match=r"not the model being defended: 1 of"):
        trainer.check_reference(policy, reference, start)


def test_how_matrices_are_multiplied_is_found_by_doing_it() -> None:
    import torch

    def rounding(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return one.bfloat16().float() @ other.bfloat16().float()

    assert trainer.products() == "float32"
    assert trainer.products(rounding) == "float32, products of bfloat16"


@pytest.mark.parametrize("rounds", [True, False])
def test_training_rounds_nothing_to_bfloat16(rounds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    usual, cpu = torch.get_float32_matmul_precision(), not torch.cuda.is_available()
    monkeypatch.setattr(
        trainer, "products", lambda: "float32, products of bfloat16" if rounds else "float32"
    )
    with trainer.quick():
        assert not cpu or torch.get_float32_matmul_precision() == (
            "highest" if rounds else "medium"
        )
    assert torch.get_float32_matmul_precision() == usual


def test_training_multiplies_in_float32_on_this_processor() -> None:
    with trainer.quick():
        assert trainer.products() == "float32"
