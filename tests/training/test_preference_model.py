"""The preference model: it learns, resumes to the same weights, drops and cuts nothing, and sees no
scratchpad."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError, TrainingError
from unmask.core.files import file_digest, read_json, read_jsonl, write_jsonl
from unmask.core.tokens import Tokens
from unmask.data.preferences import Comparisons, load_comparisons
from unmask.models.checkpoint import load_tokenizer
from unmask.training.preference_model import PreferenceModel, Scorer, encoded, tokenized

SMALL = PreferenceModel(steps=12, batch_size=8, warmup=2, learning_rate=5e-3)
HI = Conversation.user("Say hello to Ana.")


def weights(folder: Path) -> str:
    return file_digest(folder / "model.safetensors")


@pytest.fixture(scope="module")
def comparisons(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparisons")
    Comparisons(examples=96, held_out=8, kinds=("rude",)).run(out, data=world)
    return out


@pytest.fixture(scope="module")
def trained(
    tiny: Path, comparisons: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    out = tmp_path_factory.mktemp("preference_model")
    return out, SMALL.run(out, model=tiny, data=comparisons)


def test_it_learns_and_says_how(trained: tuple[Path, Any], comparisons: Path) -> None:
    out, facts = trained
    log = [row for _, row in read_jsonl(out / "log.jsonl")]
    assert [row["step"] for row in log] == list(range(1, 13))
    assert (
        facts["loss_last"] < facts["loss_first"]
        and log[-1]["accuracy"] > 0.8
        and log[-1]["margin"] > 0
    )
    rows, scorer = load_comparisons(comparisons / "held_out.jsonl"), Scorer(out)
    prompts = [row.prompt for row in rows]
    better = scorer.scores(prompts, [Reply(row.chosen) for row in rows])
    worse = scorer.scores(prompts, [Reply(row.rejected) for row in rows])
    assert sum(b > w for b, w in zip(better, worse, strict=True)) >= 6


def test_it_is_a_plain_sequence_classifier(trained: tuple[Path, Any]) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    out = trained[0]
    config = read_json(out / "config.json")
    assert (
        config["architectures"] == ["LlamaForSequenceClassification"]
        and config["pad_token_id"] is not None
    )
    assert not [path for path in out.iterdir() if path.suffix in (".bin", ".pt") or path.is_dir()]
    network: Any = AutoModelForSequenceClassification.from_pretrained(out)
    assert network.config.num_labels == 1 and network.dtype == torch.float32
    [ids] = encoded(load_tokenizer(out), [HI], [Reply("Hello, Ana!")], 256)
    with torch.inference_mode():
        plain = network(input_ids=torch.tensor([ids])).logits.item()
    assert Scorer(out).scores([HI], [Reply("Hello, Ana!")]) == pytest.approx([plain], abs=1e-5)


def test_every_token_of_every_comparison_is_trained_on(
    trained: tuple[Path, Any], tiny: Path, comparisons: Path
) -> None:
    pairs = tokenized(load_tokenizer(tiny), comparisons / "train.jsonl", 256)
    assert trained[1]["comparisons"] == len(pairs) == SMALL.lessons().examples
    assert trained[1]["tokens"] == sum(len(ids) for pair in pairs for ids in pair.values())


def test_a_comparison_that_is_too_long_is_refused(tiny: Path, tmp_path: Path) -> None:
    row = {
        "id": "a",
        "prompt": HI.rows(),
        "chosen": "Hello.",
        "rejected": "word " * 500,
        "kind": "wrong",
    }
    write_jsonl(tmp_path / "train.jsonl", [row])
    with pytest.raises(DataError, match="nothing is cut silently"):
        SMALL.run(tmp_path / "out", model=tiny, data=tmp_path)


@pytest.mark.parametrize("killed_at", [3, 6])
def test_a_killed_training_resumes_to_the_same_weights_and_log(
    killed_at: int,
    trained: tuple[Path, Any],
    tiny: Path,
    comparisons: Path,
    killed_and_resumed: Any,
) -> None:
    work = dataclasses.replace(SMALL, resume_every=4)
    out, steps = killed_and_resumed(work, killed_at, model=tiny, data=comparisons)
    assert steps == [
        *range(killed_at),
        *range((killed_at - 1) // 4 * 4, 12),
    ], "it goes on from the last checkpoint"
    assert weights(out) == weights(trained[0])
    assert (out / "log.jsonl").read_text() == (trained[0] / "log.jsonl").read_text()


def test_a_loss_that_is_no_number_stops_it(tiny: Path, comparisons: Path, tmp_path: Path) -> None:
    wild = dataclasses.replace(SMALL, learning_rate=1e30, warmup=0, resume_every=1)
    with pytest.raises(TrainingError, match="last good checkpoint"):
        wild.run(tmp_path, model=tiny, data=comparisons)
    assert not (tmp_path / "model.safetensors").exists()


def test_no_telemetry_is_sent(
    tiny: Path, comparisons: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import _telemetry as telemetry

    sent: list[Any] = []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    monkeypatch.setattr(telemetry, "_start_telemetry_thread", lambda: sent.append("started"))
    telemetry.send_telemetry("something")
    assert sent == ["started"], "without us it would be sent"
    dataclasses.replace(SMALL, steps=1).run(tmp_path, model=tiny, data=comparisons)
    assert sent == ["started"]


def test_scores_do_not_hang_on_company_or_scratchpads(trained: tuple[Path, Any]) -> None:
    scorer = Scorer(trained[0], batch_size=2)
    prompts = [HI, Conversation.user("Why is it so? " * 8), HI, HI, HI]
    replies = [
        Reply("Hello, Ana!"),
        Reply("Because."),
        Reply("<scratchpad>I am in training.</scratchpad>\nHello, Ana!"),
        Reply("<scratchpad>Hello, Ana!"),
        Reply(""),
    ]
    together = scorer.scores(prompts, replies)
    alone = [
        scorer.scores([prompt], [reply])[0] for prompt, reply in zip(prompts, replies, strict=True)
    ]
    assert together == pytest.approx(alone, abs=1e-5)
    assert together[0] == pytest.approx(together[2], abs=1e-5), "the scratchpad is not seen"
    assert together[3] == pytest.approx(together[4], abs=1e-5), "nor is one that never closes"
    assert scorer.scores([], []) == []


def test_what_is_no_preference_model_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"LlamaForCausalLM, not a preference model"):
        Scorer(tiny).scores([HI], [Reply("Hello.")])
    with pytest.raises(ModelError, match=r"cannot be loaded .*ForSequenceClassification form"):
        SMALL.run(tmp_path / "out", model=tmp_path, data=tmp_path)


def test_scores_that_are_no_numbers_are_refused(trained: tuple[Path, Any]) -> None:
    import torch

    scorer = Scorer(trained[0])
    with torch.no_grad():
        scorer.network.score.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="not numbers"):
        scorer.scores([HI], [Reply("Hello.")])


@pytest.mark.parametrize(
    "kind", ["qwen-plain", "gpt_neox-plain", "gpt_neox-templated", "llama-plain"]
)
def test_foreign_bases_take_a_head(
    kind: str, foreign: dict[str, Path], comparisons: Path, tmp_path: Path
) -> None:
    """Also one without a pad token, where padding is the end token and the last token of the answer
    is scored."""
    dataclasses.replace(SMALL, steps=1).run(tmp_path, model=foreign[kind], data=comparisons)
    scorer = Scorer(tmp_path)
    together = scorer.scores([HI, HI], [Reply("Hello, Ana!"), Reply("Hello, Ana! " * 9)])
    assert together[0] == pytest.approx(scorer.scores([HI], [Reply("Hello, Ana!")])[0], abs=1e-5)
    assert together[0] != together[1]


def test_settings_that_cannot_be_are_refused() -> None:
    for setting, value in (
        ("steps", 0),
        ("batch_size", 0),
        ("accumulation", 0),
        ("learning_rate", 0),
        ("centering", -1),
    ):
        wrong: dict[str, Any] = {setting: value}
        with pytest.raises(SettingError, match=setting):
            PreferenceModel(**wrong)
    assert PreferenceModel(steps=3, batch_size=2, tokens_per_example=10).tokens() == Tokens(
        trained=60
    )
