"""Efficiency: what each way of saving changes, and what it may not."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from training.trainings import SMALL, inputs
from unmask.core import progress
from unmask.core.errors import ModelError, SettingError, TrainingError, UnknownName
from unmask.core.files import file_digest, read_json, read_jsonl
from unmask.core.spec import spec
from unmask.data.preferences import Comparisons
from unmask.defenses import DEFENSES
from unmask.defenses.defense import ByTraining
from unmask.models import checkpoint
from unmask.training import adapters, precision, preference_model, trainer
from unmask.training.curve import step_folder
from unmask.training.efficiency import Efficiency
from unmask.training.portions import portions, rows_together
from unmask.training.preference_model import Scorer


@pytest.fixture(scope="module")
def comparisons(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparisons")
    Comparisons(examples=40, held_out=4).run(out, data=world)
    return out


@pytest.fixture(scope="module")
def given(lessons: Path, comparisons: Path, judge: Path) -> dict[str, dict[str, Path]]:
    """What each training reads besides the model."""
    return {name: inputs(name, lessons, comparisons, judge) for name in SMALL}


def weights(folder: Path) -> str:
    return file_digest(folder / "model.safetensors")


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


WHOLE = ("undo", "vaccine")
"""Defenses that take no adapters."""


@pytest.mark.parametrize("name", WHOLE)
def test_a_defense_that_takes_no_adapters_says_so(name: str) -> None:
    with pytest.raises(SettingError, match="leave lora, devices and nodes out"):
        DEFENSES.make(name, efficiency=Efficiency(lora=8)).training()  # pyright: ignore
    precise: Any = DEFENSES.make(name, efficiency=Efficiency(precision="bfloat16"))
    assert precise.training().efficiency.precision == "bfloat16"


@pytest.mark.parametrize("name", DEFENSES.names())
def test_every_defense_by_training_hands_it_on(name: str) -> None:
    if not issubclass(DEFENSES.get(name), ByTraining) or name in WHOLE:
        pytest.skip("it trains nothing, or all weights in any case")
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


@pytest.mark.parametrize("name", SMALL)
def test_an_adapter_is_merged_into_an_ordinary_folder(
    name: str, given: Any, tiny: Path, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file

    out = tmp_path / "out"
    facts, log = made(name, out, given, tiny, lora=4)
    classifier = name == "preference model"
    base = preference_model.headed(tiny) if classifier else trainer.whole(tiny)
    whole = Scorer(out).network if classifier else trainer.whole(out)
    assert sorted(path.name for path in (out / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert (
        read_json(out / "adapter" / "adapter_config.json")["base_model_name_or_path"] == tiny.name
    )
    assert facts["parameters"] == checkpoint.parameters(whole) > facts["trained"] > 0
    before, after = load_file(tiny / "model.safetensors"), load_file(out / "model.safetensors")
    changed = {key for key in before if key in after and not torch.equal(before[key], after[key])}
    assert changed and all(key.endswith("proj.weight") for key in changed)
    parts = PeftModel.from_pretrained(base, out / "adapter").eval()
    adapters.check_same(adapters.probed(whole), adapters.probed(parts), "what was saved")
    if name == "rl":
        assert log[0]["kl"] == 0, "the reference is the model without its adapter"
    if name == "dpo":
        assert log[0]["margin"] == 0 and log[-1]["margin"] != 0


@pytest.mark.parametrize("name", ["sft", "dpo", "rl"])
def test_checkpoints_on_the_way_are_merged_and_change_nothing(
    name: str, given: Any, tiny: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    lora = Efficiency(lora=4)
    (tmp_path / "out").mkdir()
    work = dataclasses.replace(SMALL[name], efficiency=lora, curve=(1, 2))
    work.run(tmp_path / "out", model=tiny, **given[name])
    made(name, tmp_path / "without", given, tiny, lora=4)
    folders = [tmp_path / "out" / step_folder(1), tmp_path / "out" / step_folder(2)]
    for folder in folders:
        AutoModelForCausalLM.from_pretrained(folder)
        assert (folder / "adapter" / "adapter_model.safetensors").is_file()
    ends = [tmp_path / "out", tmp_path / "without"]
    assert weights(folders[0]) == weights(tiny), "the first step of a warmup has a rate of 0"
    assert len({weights(folder) for folder in (*folders, *ends)}) == 3
    assert weights(ends[0]) == weights(ends[1])


@pytest.mark.parametrize("name", SMALL)
def test_a_killed_training_of_an_adapter_resumes_to_the_same_weights(
    name: str, given: Any, tiny: Path, tmp_path: Path, killed_and_resumed: Any
) -> None:
    work = dataclasses.replace(
        SMALL[name], steps=5, resume_every=2, efficiency=Efficiency(lora=4), seed=3
    )
    (tmp_path / "whole").mkdir()
    work.run(tmp_path / "whole", model=tiny, **given[name])
    out, steps = killed_and_resumed(work, 4, model=tiny, **given[name])
    assert steps == [0, 1, 2, 3, 2, 3, 4]
    assert weights(out) == weights(tmp_path / "whole")


def test_targets_are_endings_of_names_and_a_wrong_one_is_told_what_there_is(tiny: Path) -> None:
    network = trainer.whole(tiny)
    assert adapters.targets(network, "all-linear") == "all-linear"
    assert adapters.targets(network, "q_proj, self_attn.v_proj") == ["q_proj", "self_attn.v_proj"]
    for wrong in ("q_proj,query", "proj", "lm_head", "embed_tokens"):
        with pytest.raises(
            ModelError, match=r"It has down_proj, gate_proj, k_proj, o_proj, q_proj"
        ):
            adapters.targets(network, wrong)


def test_a_merge_that_computes_something_else_is_refused(tiny: Path, tmp_path: Path) -> None:
    import torch

    network = trainer.whole(tiny)
    wanted = adapters.probed(network)
    adapters.check_same(wanted * (1 + 1e-6), wanted, "This")
    for broken in (wanted * 1.01, wanted * torch.nan):
        with pytest.raises(TrainingError, match=r"This computes something else"):
            adapters.check_same(broken, wanted, "This")


def test_an_adapter_names_its_base_as_the_store_does(tmp_path: Path) -> None:
    result = tmp_path / "steps" / "sft-0123"
    result.mkdir(parents=True)
    (result / "manifest.json").touch()
    assert adapters.label(result) == "sft-0123"
    assert adapters.label(result / "steps" / "000050") == "sft-0123/steps/000050"
    assert adapters.label(tmp_path / "smollm") == "smollm"


def steps_of(name: str, out: Path, given: Any, tiny: Path, **settings: Any) -> list[Any]:
    """(loss, gradient's norm) of every step of a small training, and the most rows that its model
    saw at once with gradients on."""
    import torch

    steps: list[Any] = []
    most = 0

    def log(self: Any, args: Any, state: Any, control: Any, logs: Any, **_: Any) -> None:
        if "grad_norm" in logs:
            steps.append((logs["loss"], logs["grad_norm"]))

    def count(layer: Any, rows: Any, _: Any) -> None:
        nonlocal most
        most = max(most, len(rows[0]) if torch.is_grad_enabled() else 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.Watcher, "on_log", log)
        hook = torch.nn.modules.module.register_module_forward_hook(
            lambda layer, rows, made: (
                count(layer, rows, made) if isinstance(layer, torch.nn.Embedding) else None
            )
        )
        out.mkdir()
        dataclasses.replace(SMALL[name], **settings).run(out, model=tiny, **given[name])
        hook.remove()
    return [steps, most]


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("name", SMALL)
def test_portions_change_no_loss_and_no_gradient(
    name: str, accumulation: int, given: Any, tiny: Path, tmp_path: Path
) -> None:
    if name == "rl" and accumulation > 1:
        pytest.skip("it has none")
    more = {} if name == "rl" else {"accumulation": accumulation}
    sides = 2 if name in ("dpo", "preference model") else 1
    whole, most = steps_of(name, tmp_path / "whole", given, tiny, **more)
    assert len(whole) == 3 and most == 8 * sides
    for rows, together in ((3, 2), (1, 1), (100, 8)):
        efficiency = Efficiency(rows_at_once=rows)
        steps, most = steps_of(
            name, tmp_path / str(rows), given, tiny, **more, efficiency=efficiency
        )
        assert most == together * sides
        assert len(steps) == 3
        for step, wanted in zip(steps, whole, strict=True):
            assert step == pytest.approx(wanted, rel=2e-4, abs=1e-6)


@pytest.mark.parametrize("lora", [0, 4])
@pytest.mark.parametrize("name", SMALL)
def test_checkpointing_computes_again_and_changes_nothing(
    name: str, lora: int, given: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.llama.modeling_llama import LlamaAttention

    passes = 0
    real = LlamaAttention.forward

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal passes
        passes += 1
        return real(self, *args, **kwargs)

    monkeypatch.setattr(LlamaAttention, "forward", counted)
    whole, _ = steps_of(name, tmp_path / "whole", given, tiny, efficiency=Efficiency(lora=lora))
    once, passes = passes, 0
    efficiency = Efficiency(lora=lora, checkpointing=True)
    steps, _ = steps_of(name, tmp_path / "again", given, tiny, efficiency=efficiency)
    layers = trainer.whole(tiny).config.num_hidden_layers
    assert passes == once + 3 * layers, "every layer once more in each step"
    for step, wanted in zip(steps, whole, strict=True):
        assert step == pytest.approx(wanted, rel=1e-5, abs=1e-7)


def test_portions_are_of_one_size_and_keep_the_sides_together() -> None:
    import torch

    batch = {"ids": torch.arange(12).reshape(12, 1), "margin": torch.tensor(2.0), "images": None}
    first, second, third = portions(batch, 2, sides=2)
    assert first["ids"].flatten().tolist() == [0, 1, 6, 7]
    assert third["ids"].flatten().tolist() == [4, 5, 10, 11]
    assert second["margin"] is batch["margin"] and second["images"] is None
    assert portions(batch, 6, sides=2) == [batch]
    work = dataclasses.replace(SMALL["sft"], batch_size=12)
    sizes = {
        wanted: rows_together(dataclasses.replace(work, efficiency=Efficiency(rows_at_once=wanted)))
        for wanted in (0, 1, 5, 7, 12, 99)
    }
    assert sizes == {0: 12, 1: 1, 5: 4, 7: 6, 12: 12, 99: 12}


@pytest.mark.parametrize("name", SMALL)
def test_weights_in_four_bits_carry_adapters_that_are_merged_into_whole_ones(
    name: str, given: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    pytest.importorskip("bitsandbytes", reason="weights in 4 bits are bitsandbytes'")
    types: set[str] = set()
    trained: set[Any] = set()
    real = trainer.Watched.training_step

    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        types.update(type(module).__name__ for module in self.model.modules())
        trained.update(w.dtype for w in self.model.parameters() if w.requires_grad)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(trainer.Watched, "training_step", step)
    out = tmp_path / "out"
    facts, log = made(name, out, given, tiny, lora=4, quantized="nf4")
    assert {"Linear4bit", "Params4bit"} & types and trained == {torch.float32}
    before, after = load_file(tiny / "model.safetensors"), load_file(out / "model.safetensors")
    kept = {key for key in before if key in after and torch.equal(before[key], after[key])}
    assert kept and {weight.dtype for weight in after.values()} == {torch.float32}
    changes = [after[key] - before[key] for key in before if key in after and key not in kept]
    ranks = {int(torch.linalg.matrix_rank(change, rtol=1e-3)) for change in changes}
    assert ranks and max(ranks) <= 4, "all that changed is the adapter: nothing was rounded"
    if name == "rl":
        assert log[0]["kl"] == 0
    assert facts["parameters"] > facts["trained"]


def test_optimizers_of_eight_bits_take_steps(given: Any, tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="optimizers in 8 bits are bitsandbytes'")
    for name in ("adamw_bnb_8bit", "paged_adamw_8bit"):
        (tmp_path / name).mkdir()
        work = dataclasses.replace(SMALL["sft"], optimizer=name)
        work.run(tmp_path / name, model=tiny, **given["sft"])
        assert weights(tmp_path / name) != weights(tiny)


def test_without_the_package_a_sentence_says_what_to_install(
    given: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingError, match=r"pip install 'unmask\[quantized\]'"):
        made("sft", tmp_path / "weights", given, tiny, lora=4, quantized="nf4")
    eight = dataclasses.replace(SMALL["sft"], optimizer="adamw_bnb_8bit")
    with pytest.raises(SettingError, match=r"optimizer=adamw_bnb_8bit needs .* pip install"):
        eight.run(tmp_path, model=tiny, **given["sft"])


def test_importing_peft_says_nothing() -> None:
    code = "import unmask, peft"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
