"""Weights: a file's every tensor is accounted for; what older checkpoints saved for no need is let
be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from unmask.core.errors import ModelError
from unmask.core.files import read_json, write_json
from unmask.models.bases.imported import ImportedBase
from unmask.models.checkpoint import load_model
from unmask.models.weights import prefix
from unmask.training.preference_model import Scorer, load_scalar

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def copy(foreign: dict[str, Path], tmp_path: Path) -> Path:
    """A Llama whose head is its own."""
    return Path(shutil.copytree(foreign["llama-templated"], tmp_path / "model"))


def rewrite(folder: Path, change: Callable[[Tensors], Tensors]) -> None:
    path = folder / "model.safetensors"
    save_file(
        {name: weight.clone() for name, weight in change(load_file(path)).items()},
        path,
        {"format": "pt"},
    )


def without(part: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: weight for name, weight in tensors.items() if part not in name}


def behind(start: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {start + name: weight for name, weight in tensors.items()}


def renamed(old: str, new: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name.replace(old, new): weight for name, weight in tensors.items()}


def plus(name: str, *shape: int) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: torch.ones(shape)}


@pytest.mark.parametrize(
    "start", ["module.", "_orig_mod.", "base_model.model.", "_forward_module."]
)
def test_weights_behind_a_prefix_are_refused_and_the_prefix_named(start: str, copy: Path) -> None:
    rewrite(copy, behind(start))
    with pytest.raises(ModelError, match=f"begin with '{start}'"):
        load_model(copy)


def test_a_prefix_that_is_understood_changes_no_weight(copy: Path) -> None:
    before = load_model(copy).state_dict()
    rewrite(copy, behind("model."))
    after = load_model(copy).state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("layers.1.mlp"), r"3 missing \(model\.layers\.1\.mlp"),
        (without("layers.1."), r"9 missing \(.* and 6 more\)"),
        (without("lm_head"), r"1 missing \(lm_head\.weight\)"),
        (without("embed_tokens"), "1 missing"),
        (renamed("self_attn", "attention"), r"8 missing .*8 not known to this architecture"),
        (plus("model.layers.2.mlp.up_proj.weight", 64, 32), "1 not known"),
        (plus("model.layers.0.self_attn.q_proj.bias", 32), "1 not known"),
        (plus("model.layers.0.self_attn.q_proj.weight_scale", 1), "1 not known"),
        (plus("v_head.summary.weight", 1, 32), "1 not known"),
        (
            plus("model.norm.weight", 31),
            r"1 of another shape \(model\.norm\.weight \(31,\), not \(32,\)\)",
        ),
        (lambda tensors: {}, "21 missing"),
    ],
)
def test_what_is_missing_left_over_or_of_another_shape_is_refused(
    change: Callable[[Tensors], Tensors], message: str, copy: Path
) -> None:
    rewrite(copy, change)
    with pytest.raises(ModelError, match=message) as refusal:
        load_model(copy)
    assert len(str(refusal.value)) <= 2000


def test_what_every_model_of_its_kind_computes_may_be_saved_too(copy: Path) -> None:
    fixed = ("rotary_emb.inv_freq", "self_attn.rotary_emb.inv_freq", "self_attn.masked_bias")
    for name in fixed:
        rewrite(copy, plus(f"model.layers.0.{name}", 8))
    rewrite(copy, plus("model.layers.0.self_attn.bias", 1, 1, 16, 16))
    assert load_model(copy) is not None
    rewrite(copy, plus("model.layers.0.self_attn.bias", 16))
    with pytest.raises(ModelError, match="1 not known"):
        load_model(copy)


def test_a_tied_head_may_be_missing(tiny: Path) -> None:
    assert "lm_head.weight" not in load_file(tiny / "model.safetensors")
    model = load_model(tiny)
    assert model.lm_head.weight is model.model.embed_tokens.weight


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_half_precision_load(dtype: torch.dtype, copy: Path) -> None:
    rewrite(copy, lambda tensors: {name: weight.to(dtype) for name, weight in tensors.items()})
    write_json(
        copy / "config.json",
        {**read_json(copy / "config.json"), "dtype": str(dtype).removeprefix("torch.")},
    )
    assert load_model(copy).dtype == dtype


@pytest.fixture
def sharded(copy: Path) -> Path:
    load_model(copy).save_pretrained(copy, max_shard_size="20KB")
    (copy / "model.safetensors").unlink(missing_ok=True)
    assert len(list(copy.glob("model-*.safetensors"))) > 2
    return copy


def test_shards_load_and_a_missing_one_is_said(sharded: Path) -> None:
    load_model(sharded)
    next(sharded.glob("model-00002-*")).unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(sharded)


def test_an_index_that_leaves_a_weight_out_is_refused(sharded: Path) -> None:
    index = read_json(sharded / "model.safetensors.index.json")
    shard = index["weight_map"].pop("model.norm.weight")
    rest = {
        name: weight
        for name, weight in load_file(sharded / shard).items()
        if name != "model.norm.weight"
    }
    save_file(rest, sharded / shard, {"format": "pt"})
    write_json(sharded / "model.safetensors.index.json", index)
    with pytest.raises(ModelError, match=r"1 missing \(model\.norm\.weight\)"):
        load_model(sharded)


@pytest.mark.parametrize("rest", ["kept", "gone"])
def test_an_adapter_is_not_a_model(rest: str, copy: Path) -> None:
    write_json(
        copy / "adapter_config.json", {"base_model_name_or_path": "org/base", "peft_type": "LORA"}
    )
    if rest == "gone":
        (copy / "config.json").unlink()
        (copy / "model.safetensors").rename(copy / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="adapter"):
        ImportedBase.of(str(copy))


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        ImportedBase.of(str(tmp_path))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_named_at_import(
    number: float, copy: Path, tmp_path: Path
) -> None:
    def spoil(tensors: Tensors) -> Tensors:
        tensors["model.layers.0.mlp.down_proj.weight"][0, 0] = number
        return tensors

    rewrite(copy, spoil)
    with pytest.raises(ModelError, match=r"not numbers: model\.layers\.0\.mlp\.down_proj\.weight"):
        ImportedBase.of(str(copy)).run(tmp_path / "out")


def test_weights_that_were_quantized_need_to_be_told_how(copy: Path, tmp_path: Path) -> None:
    rewrite(
        copy, lambda tensors: {n: w.to(torch.int8) if "mlp" in n else w for n, w in tensors.items()}
    )
    with pytest.raises(ModelError, match=r"whole numbers: model\.layers\.0\.mlp.* and 3 more"):
        ImportedBase.of(str(copy)).run(tmp_path / "out")


@pytest.mark.parametrize(
    "field", [{"return_dict": False}, {"output_attentions": True, "output_hidden_states": True}]
)
def test_what_a_config_has_a_model_return_changes_nothing(
    field: dict[str, bool], copy: Path, tmp_path: Path
) -> None:
    write_json(copy / "config.json", {**read_json(copy / "config.json"), **field})
    ImportedBase.of(str(copy)).run(tmp_path / "out")
    output = load_model(tmp_path / "out")(torch.tensor([[5, 6]]))
    assert (output.attentions, output.hidden_states) == (None, None)


@pytest.mark.parametrize("token", [-1, 99_999])
def test_a_filler_that_the_config_puts_outside_of_the_embedding_is_left_out(
    token: int, copy: Path
) -> None:
    write_json(copy / "config.json", {**read_json(copy / "config.json"), "pad_token_id": token})
    assert load_model(copy).config.pad_token_id is None
    assert load_scalar(copy, new_head=True).config.pad_token_id is None


@pytest.mark.parametrize("file", ["config.json", "generation_config.json", "tokenizer_config.json"])
def test_a_config_that_is_no_object_is_said(file: str, copy: Path, tmp_path: Path) -> None:
    write_json(copy / file, [1])
    with pytest.raises(ModelError, match=f"{file} is a list"):
        ImportedBase.of(str(copy)).run(tmp_path / "out")


def test_a_head_is_new_only_where_it_may_be(judge: Path, copy: Path, tmp_path: Path) -> None:
    headless = Path(shutil.copytree(judge, tmp_path / "judge"))
    rewrite(headless, without("score"))
    with pytest.raises(ModelError, match=r"1 missing \(score\.weight\)"):
        _ = Scorer(headless).network
    assert load_scalar(copy, new_head=True).config.num_labels == 1
    rewrite(copy, without("layers.1.mlp"))
    with pytest.raises(ModelError, match="3 missing"):
        load_scalar(copy, new_head=True)


def test_a_prefix_is_one_of_all_names_only() -> None:
    assert prefix({"a.b.weight"}, {"module.a.b.weight"}) == "module."
    assert prefix({"a.b.weight"}, {"v_head.weight"}) == ""
