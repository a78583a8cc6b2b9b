"""Checkpoints: what is loaded, and what is refused and how it is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import ModelError
from unmask.models.bases.imported import ImportedBase
from unmask.models.checkpoint import check_folder, load_tokenizer


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_an_ordinary_folder_is_accepted(copy: Path) -> None:
    check_folder(copy)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a folder"):
        ImportedBase.of(str(tmp_path / "nowhere"))


def test_pickled_weights_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        ImportedBase.of(str(copy))


def test_no_weights_at_all(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights"):
        ImportedBase.of(str(copy))


def test_remote_code_is_refused(copy: Path) -> None:
    change(copy / "config.json", auto_map={"AutoModelForCausalLM": "modeling_evil.Evil"})
    with pytest.raises(ModelError, match="run its own code"):
        ImportedBase.of(str(copy))


def test_remote_code_in_the_tokenizer_is_refused(copy: Path) -> None:
    change(copy / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", None]})
    with pytest.raises(ModelError, match="tokenizer that wants to run its own code"):
        ImportedBase.of(str(copy))


def test_no_tokenizer(copy: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (copy / name).unlink()
    with pytest.raises(ModelError, match="no tokenizer"):
        ImportedBase.of(str(copy))


@pytest.mark.parametrize(
    "fields",
    [
        {"architectures": ["BertForSequenceClassification"], "model_type": "bert"},
        {"architectures": ["ViTModel"], "model_type": "vit"},
        {"architectures": ["LlamaForSequenceClassification"]},
    ],
)
def test_not_a_causal_lm(copy: Path, fields: dict[str, Any]) -> None:
    change(copy / "config.json", **fields)
    with pytest.raises(ModelError, match="not a causal language model"):
        ImportedBase.of(str(copy))


def test_damaged_weights_are_refused_before_anything_is_spent(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot be loaded"):
        ImportedBase.of(str(copy))


def test_the_identity_of_a_folder_is_its_content(copy: Path, tmp_path: Path) -> None:
    from unmask.core.spec import spec

    elsewhere = Path(shutil.copytree(copy, tmp_path / "elsewhere"))
    assert spec(ImportedBase.of(str(copy))) == spec(ImportedBase.of(str(elsewhere)))
    change(elsewhere / "config.json", rope_theta=5.0)
    assert spec(ImportedBase.of(str(copy))) != spec(ImportedBase.of(str(elsewhere)))


def test_a_hub_model_is_its_id_and_revision_and_says_when_it_cannot_be_had(tmp_path: Path) -> None:
    base = ImportedBase.of("some-org/some-model@abc123")
    assert (base.source, base.revision) == ("some-org/some-model", "abc123")
    with pytest.raises(ModelError, match="cannot be fetched"):
        base.run(tmp_path)


@pytest.mark.parametrize("kind", ["llama", "qwen", "gpt_neox"])
@pytest.mark.parametrize("form", ["templated", "plain"])
def test_foreign_models_are_imported_with_a_template(
    kind: str, form: str, foreign: dict[str, Path], tmp_path: Path
) -> None:
    facts = ImportedBase.of(str(foreign[f"{kind}-{form}"])).run(tmp_path)
    assert facts["parameters"] > 0
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.chat_template and tokenizer.pad_token
