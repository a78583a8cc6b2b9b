"""Efficiency: what each way of saving changes, and what it may not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from training.trainings import SMALL, inputs
from unmask.core import progress
from unmask.core.errors import SettingError, UnknownName
from unmask.core.files import file_digest, read_jsonl
from unmask.core.spec import spec
from unmask.data.preferences import Comparisons
from unmask.defenses import DEFENSES
from unmask.defenses.defense import ByTraining
from unmask.training import precision
from unmask.training.efficiency import Efficiency


@pytest.fixture(scope="module")
def comparisons(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparisons")
    Comparisons(examples=40, held_out=4).run(out, data=world)
    return out


@pytest.fixture(scope="module")
def given(lessons: Path, comparisons: Path, judge: Path) -> dict[str, dict[str, Path]]:
    """What each training reads besides the model."""
    return {name: inputs(name, lessons, comparisons, judge) for name in SMALL}


def made(name: str, out: Path, given: Any, tiny: Path, **efficiency: Any) -> Any:
    """The facts and the log of a small training made efficient."""
    out.mkdir()
    work = dataclasses.replace(SMALL[name], efficiency=Efficiency(**efficiency))
    facts = work.run(out, model=tiny, **given[name])
    return facts, [row for _, row in read_jsonl(out / "log.jsonl")]


@pytest.mark.parametrize("name", SMALL)
def test_bfloat16_is_of_the_products_and_neither_of_weights_nor_of_the_loss(
    name: str, given: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    from unmask.training.trainer import Watched

    losses, products = set(), set()
    real = Watched.training_step

    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        layer = next(m for m in self.model.modules() if isinstance(m, torch.nn.Linear))
        hook = layer.register_forward_hook(lambda _, __, made: products.add(made.dtype))
        loss = real(self, *args, **kwargs)
        hook.remove()
        losses.add(loss.dtype)
        return loss

    monkeypatch.setattr(Watched, "training_step", step)
    facts, log = made(name, tmp_path / "out", given, tiny, precision="bfloat16")
    assert facts["dtype"] == "bfloat16 autocast"
    assert losses == {torch.float32} and products == {torch.bfloat16}
    saved = load_file(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    assert not any(torch.equal(w, w.bfloat16().float()) for w in saved.values() if w.ndim > 1)
    if name == "rl":
        assert log[0]["kl"] == 0, "the reference goes through the same arithmetic"
    if name == "dpo":
        assert log[0]["margin"] == 0


@pytest.mark.parametrize("name", SMALL)
def test_automatic_precision_is_float32_on_a_cpu(
    name: str, given: Any, tiny: Path, tmp_path: Path
) -> None:
    facts, _ = made(name, tmp_path / "auto", given, tiny)
    if facts["device"] != "cpu":
        pytest.skip("this is about CPUs")
    assert facts["dtype"] == "float32"
    made(name, tmp_path / "float32", given, tiny, precision="float32")
    digests = {file_digest(tmp_path / kind / "model.safetensors") for kind in ("auto", "float32")}
    assert len(digests) == 1


def test_a_cpu_without_units_for_bfloat16_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    lines: list[str] = []
    monkeypatch.setattr(progress, "say", lines.append)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    precision.say_slow.cache_clear()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": True})
    assert precision.in_bfloat16("bfloat16") and not lines
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    assert precision.in_bfloat16("bfloat16") and precision.in_bfloat16("bfloat16")
    assert len(lines) == 1 and "slower" in lines[0]
    assert not precision.in_bfloat16("auto") and not precision.in_bfloat16("float32")


def test_only_what_changes_the_result_is_part_of_the_identity() -> None:
    work = SMALL["sft"]

    def named(**settings: Any) -> Any:
        return spec(dataclasses.replace(work, efficiency=Efficiency(**settings)))

    assert "efficiency" not in spec(work)["settings"]
    assert named(checkpointing=True, rows_at_once=2) == spec(work)
    assert named(precision="bfloat16") != spec(work) != named(lora=4)


@pytest.mark.parametrize("name", DEFENSES.names())
def test_every_defense_by_training_hands_it_on(name: str) -> None:
    if not issubclass(DEFENSES.get(name), ByTraining):
        pytest.skip("it trains nothing")
    defense: Any = DEFENSES.make(name, efficiency=Efficiency(precision="bfloat16", lora=8))
    assert defense.training().efficiency == Efficiency(precision="bfloat16", lora=8)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'bfloat16'"):
        Efficiency(precision="bfloat")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownName, match=r"nf4"):
        Efficiency(quantized="fp4", lora=8)  # pyright: ignore[reportArgumentType]
    with pytest.raises(SettingError, match=r"lora=16"):
        Efficiency(quantized="nf4")
    with pytest.raises(SettingError, match=r"rows_at_once >= 0"):
        Efficiency(rows_at_once=-1)
