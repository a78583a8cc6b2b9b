"""Activations: read as if alone, read once, and read anew where the weights have changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.detectors.activations import activations
from unmask.detectors.knn import KNN
from unmask.detectors.layer_convergence import LayerConvergence
from unmask.detectors.mahalanobis import Mahalanobis
from unmask.detectors.spectral import Spectral
from unmask.detectors.suspect import Suspect
from unmask.models import chat
from unmask.models.backends.huggingface import HuggingFace

PROMPTS = tuple(
    Conversation.user(text)
    for text in ("Hi.", "What is 3 plus 4?", "Name a color. " * 6, "Is the sky blue, and why?")
)


@pytest.mark.parametrize("kind", ["llama", "qwen", "gpt_neox"])
def test_they_are_those_of_a_prompt_that_is_read_alone(kind: str, foreign: dict[str, Path]) -> None:
    model = HuggingFace(foreign[f"{kind}-templated"])
    read = activations(model, PROMPTS)
    layers = model.model.config.num_hidden_layers
    assert read.shape == (len(PROMPTS), layers, model.model.config.hidden_size)
    for prompt, states in zip(PROMPTS, read, strict=True):
        [ids] = chat.encoded(model.tokenizer, [prompt], 160)
        with torch.no_grad():
            alone = model.model(torch.tensor([ids]), output_hidden_states=True)
        # The last one that transformers gives has gone through the final norm.
        for layer in range(layers - 1):
            wanted = alone.hidden_states[layer + 1][0, -1]
            assert torch.allclose(states[layer], wanted, atol=1e-5)


def test_a_prompt_is_read_once_for_all_detectors(tiny: Path) -> None:
    model, rows = HuggingFace(tiny), 0

    def count(_: Any, __: Any, named: dict[str, Any]) -> None:
        nonlocal rows
        rows += len(named["input_ids"])

    assert model.reads_alike
    model.model.register_forward_pre_hook(count, with_kwargs=True)
    suspect = Suspect(model, PROMPTS[:3])
    kinds = (Mahalanobis(), KNN(neighbors=2), Spectral(directions=1))
    for kind in kinds:
        kind.fitted(suspect).scores(PROMPTS)
    assert rows == len(PROMPTS)
    with torch.no_grad():
        next(model.model.parameters()).mul_(1.5)
    before = kinds[0].fitted(suspect).scores(PROMPTS)
    assert rows == 2 * len(PROMPTS), "other weights, other activations"
    assert before == kinds[0].fitted(suspect).scores(PROMPTS)


def test_what_is_no_number_is_said(tiny: Path) -> None:
    model = HuggingFace(tiny)
    with torch.no_grad():
        next(model.model.parameters()).fill_(float("inf"))
    with pytest.raises(ModelError, match="not a number"):
        activations(model, PROMPTS)


def test_they_can_be_those_of_the_first_token_of_the_reply(tiny: Path) -> None:
    suspect = Suspect(HuggingFace(tiny), PROMPTS)
    prompt, reply = (Mahalanobis(token=token).fitted(suspect) for token in ("prompt", "reply"))
    assert prompt.scores(PROMPTS) != reply.scores(PROMPTS)
    assert (prompt.passes(PROMPTS), reply.passes(PROMPTS)) == (4, 8)
    with pytest.raises(SettingError, match="neither prompt nor reply"):
        Mahalanobis(token="answer")  # pyright: ignore[reportArgumentType] - on purpose


@pytest.mark.parametrize("kind", [Mahalanobis(), KNN(), Spectral(), LayerConvergence()])
def test_too_few_clean_prompts_are_said(kind: Any, tiny: Path) -> None:
    with pytest.raises(DataError, match="learns from clean prompts: 1 given"):
        kind.fitted(Suspect(HuggingFace(tiny), PROMPTS[:1]))


SUMS: Sequence[Conversation] = [
    Conversation.user(f"What is {one} plus {other}?") for one in range(8) for other in range(8)
]


@pytest.mark.parametrize("kind", [Mahalanobis(), KNN(), Spectral(), LayerConvergence()])
def test_an_odd_prompt_scores_above_clean_ones_that_were_not_seen(kind: Any, tiny: Path) -> None:
    scorer = kind.fitted(Suspect(HuggingFace(tiny), tuple(SUMS[::2])))
    odd = Conversation.user("Sing, kettle! || blue blue blue || river ## buttons")
    *clean, worst = scorer.scores([*SUMS[1::2], odd])
    assert worst > max(clean)


def test_a_model_that_cannot_be_read_through_its_output_layer_is_refused(tiny: Path) -> None:
    model = HuggingFace(tiny)
    scaled = model.model.register_forward_hook(
        lambda _, __, output: setattr(output, "logits", output.logits / 3)
    )
    with pytest.raises(ModelError, match="something else than the model does"):
        LayerConvergence().fitted(Suspect(model, PROMPTS))
    scaled.remove()
    LayerConvergence().fitted(Suspect(model, PROMPTS))
