"""Adapters: merged into their base, which is found, and the merge is proven or refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, TaskType, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from made_models import made_model, made_tokenizer
from unmask.core.errors import ModelError
from unmask.core.files import read_json, write_json
from unmask.core.spec import spec
from unmask.models.bases import base_of
from unmask.models.bases.adapter import WEIGHTS
from unmask.models.checkpoint import load_model

TOKENS = torch.tensor([[5, 60, 7, 80, 9]])


def made_adapter(base: Path, folder: Path, **settings: Any) -> Path:
    """An adapter on a base, with random weights in all of its places."""
    usual = {"r": 2, "target_modules": "all-linear", "task_type": TaskType.CAUSAL_LM}
    torch.manual_seed(1)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), LoraConfig(**{**usual, **settings})
    )
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.3 if "lora" in name else 0.02)
    model.save_pretrained(str(folder))
    return folder


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(TOKENS).logits.float()


def run(source: Path | str, out: Path) -> dict[str, Any]:
    out.mkdir()
    return dict(base_of(str(source)).run(out) or {})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return made_model("llama", tmp_path / "base", tie_word_embeddings=True)


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    return made_adapter(base, tmp_path / "adapter")


def renamed(adapter: Path, base: str | None) -> Path:
    """The adapter, which records another base."""
    path = adapter / "adapter_config.json"
    write_json(path, {**read_json(path), "base_model_name_or_path": base})
    return adapter


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gpt_neox", "qwen3"])
def test_the_merged_folder_replies_as_the_adapter_on_its_base(
    architecture: str, tmp_path: Path
) -> None:
    from peft import PeftModel

    base = made_model(architecture, tmp_path / "base")
    adapter = made_adapter(base, tmp_path / "adapter")
    facts = run(adapter, tmp_path / "out")
    plain = AutoModelForCausalLM.from_pretrained(base)
    before = logits(plain)
    adapted = logits(PeftModel.from_pretrained(plain, adapter).eval())
    merged = logits(load_model(tmp_path / "out"))
    assert (merged - adapted).abs().max() < 1e-5
    assert (merged - before).abs().max() > 0.01
    assert facts["logits_moved"] > 0.01 > facts["logits_apart_after_merge"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == []


@pytest.mark.parametrize("recorded", ["{base}", "../base", "/elsewhere/base"])
def test_the_base_is_found_where_it_is(
    recorded: str, base: Path, adapter: Path, tmp_path: Path
) -> None:
    renamed(adapter, recorded.format(base=base))
    assert run(adapter, tmp_path / "out")["base"]["source"].endswith("base")


@pytest.mark.parametrize("recorded", ["/elsewhere/other", "", None, "gone/too/far"])
def test_a_base_that_is_nowhere_is_asked_for(recorded: str | None, adapter: Path) -> None:
    with pytest.raises(ModelError, match=rf"Say which model.*{adapter}@BASE"):
        base_of(str(renamed(adapter, recorded)))


def test_a_base_of_the_hub_that_cannot_be_had_is_asked_for(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"org/name@main cannot be fetched.*adapter@BASE"):
        run(renamed(adapter, "org/name"), tmp_path / "out")


def test_the_base_can_be_named_behind_the_adapter(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    moved = base.rename(tmp_path / "moved")
    assert run(f"{adapter}@{moved}", tmp_path / "out")["base"]["source"] == str(moved)


def test_the_identity_is_the_adapter_and_its_base_wherever_they_are(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    first = spec(base_of(str(adapter)))
    (tmp_path / "other").mkdir()
    elsewhere = Path(shutil.copytree(adapter, tmp_path / "other" / "adapter"))
    assert spec(base_of(f"{elsewhere}@{base}")) == first
    other = made_model("llama", tmp_path / "other" / "base", seed=1, tie_word_embeddings=True)
    assert spec(base_of(f"{adapter}@{other}")) != first
    spoiled = {name: weight + 1 for name, weight in load_file(adapter / WEIGHTS).items()}
    save_file(spoiled, adapter / WEIGHTS)
    assert spec(base_of(str(adapter))) != first


def test_a_merge_that_changes_the_model_is_refused(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft.tuners.lora.layer import Linear

    half = Linear.get_delta_weight
    monkeypatch.setattr(Linear, "get_delta_weight", lambda self, name: half(self, name) * 0.999)
    with pytest.raises(ModelError, match="merged model is another one"):
        run(adapter, tmp_path / "out")


def test_a_head_that_is_tied_to_the_embedding_cannot_be_merged_alone(
    base: Path, tmp_path: Path
) -> None:
    """Merged into the shared weights, it would change what is read too."""
    adapter = made_adapter(base, tmp_path / "adapter", target_modules=["lm_head", "q_proj"])
    with pytest.raises(ModelError, match="merged model is another one"):
        run(adapter, tmp_path / "out")


@pytest.mark.parametrize("kept", [True, False])
def test_an_embedding_that_was_trained_is_merged_and_untying_said(
    kept: bool, base: Path, tmp_path: Path
) -> None:
    adapter = made_adapter(
        base, tmp_path / "adapter", modules_to_save=["embed_tokens"], ensure_weight_tying=kept
    )
    facts = run(adapter, tmp_path / "out")
    assert facts["untied"] is not kept
    assert load_model(tmp_path / "out").config.tie_word_embeddings is kept


def change(**fields: Any) -> Any:
    def write(adapter: Path) -> None:
        path = adapter / "adapter_config.json"
        write_json(path, {**read_json(path), **fields})

    return write


def pickled(adapter: Path) -> None:
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")


def unlink(adapter: Path) -> None:
    (adapter / WEIGHTS).unlink()


def halved(adapter: Path) -> None:
    (adapter / WEIGHTS).write_bytes((adapter / WEIGHTS).read_bytes()[:500])


def tensors(adapter: Path, **more: torch.Tensor) -> None:
    kept = load_file(adapter / WEIGHTS)
    save_file({**kept, **more}, adapter / WEIGHTS)


def fewer(adapter: Path) -> None:
    kept = load_file(adapter / WEIGHTS)
    save_file({name: kept[name] for name in list(kept)[2:]}, adapter / WEIGHTS)


def not_numbers(adapter: Path) -> None:
    kept = load_file(adapter / WEIGHTS)
    save_file({name: weight * float("nan") for name, weight in kept.items()}, adapter / WEIGHTS)


def longer(adapter: Path) -> None:
    tensors(adapter, **{"base_model.model.model.embed_tokens.weight": torch.ones(302, 16)})


def with_words(adapter: Path) -> None:
    tokenizer = made_tokenizer()
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(adapter)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change(peft_type="MAGIC"), "of the type MAGIC, which cannot be merged.*LORA"),
        (change(peft_type="PROMPT_TUNING"), "of the type PROMPT_TUNING, which cannot be merged"),
        (change(task_type="SEQ_CLS"), "for SEQ_CLS, not for a causal"),
        (change(target_modules=["absent"]), "does not fit its base .*absent"),
        (change(target_modules=["q_proj"]), "without a place: .*down_proj"),
        (change(r=3), "does not fit its base .*size mismatch"),
        (pickled, "a pickle"),
        (unlink, "no weights"),
        (halved, "damaged"),
        (fewer, "without weights: .*lora_A"),
        (not_numbers, "NaN"),
        (longer, "vocabulary has 302 tokens .* base's 300"),
        (with_words, "300 rows and the tokenizer 301 tokens"),
    ],
)
def test_what_is_no_adapter_of_its_base_is_refused(
    spoil: Any, message: str, adapter: Path, tmp_path: Path
) -> None:
    spoil(adapter)
    with pytest.raises(ModelError, match=message):
        run(adapter, tmp_path / "out")
