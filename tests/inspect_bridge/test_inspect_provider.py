"""The provider: batches what waits together, keeps replies apart, and says what it cannot do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError, StoreError
from unmask.core.files import write_json
from unmask.engine.manifest import FILE, Manifest
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.backends.scripted import Scripted
from unmask.models.sample import Sampling
from unmask.recipes.named import checkpoint_at

pytest.importorskip("inspect_ai")


class Watched(Scripted):
    """A scripted model that remembers how it was asked."""

    asked: list[tuple[int, Sampling]] = []

    def replies(
        self,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        label: str = "",
        given: Sequence[str] = (),
    ) -> list[Reply]:
        self.asked.append((len(prompts), sampling))
        if any("broken" in prompt.text for prompt in prompts):
            raise DataError("a prompt is broken")
        return super().replies(prompts, sampling, label, given)


def provider(backend: Any, **settings: Any) -> Any:
    from unmask.inspect.provider import Provider

    return Provider("name", backend=backend, **settings)


async def all_of(model: Any, texts: Sequence[str], **config: Any) -> list[Any]:
    from inspect_ai.model import ChatMessageUser, GenerateConfig

    asked = (
        model.generate([ChatMessageUser(content=t)], [], "none", GenerateConfig(**config))
        for t in texts
    )
    return await asyncio.gather(*asked, return_exceptions=True)


def test_requests_that_wait_together_are_one_batch_and_each_gets_its_own_reply() -> None:
    backend = Watched(lambda prompt: f"to {prompt.text}")
    backend.asked.clear()
    texts = [f"prompt {i}" for i in range(10)]
    outputs = asyncio.run(
        all_of(provider(backend, batch_size=4), texts, temperature=0.5, max_tokens=7, seed=3)
    )
    assert [each.completion for each in outputs] == [f"to {text}" for text in texts]
    assert [size for size, _ in backend.asked] == [4, 4, 2]
    settings = [sampling for _, sampling in backend.asked]
    assert {(each.temperature, each.max_new_tokens) for each in settings} == {(0.5, 7)}
    assert [each.seed for each in settings] == [3, 7, 11]  # no two batches draw the same


def test_different_settings_are_never_one_batch() -> None:
    backend = Watched(lambda prompt: "yes")
    backend.asked.clear()
    model = provider(backend)

    async def both() -> None:
        await asyncio.gather(
            all_of(model, ["a", "b"], temperature=0.0), all_of(model, ["c"], temperature=1.0)
        )

    asyncio.run(both())
    assert sorted((size, sampling.temperature) for size, sampling in backend.asked) == [
        (1, 1.0),
        (2, 0.0),
    ]


def test_an_error_reaches_all_of_its_batch_and_no_later_one() -> None:
    model = provider(Watched(lambda prompt: "yes"))
    outputs = asyncio.run(all_of(model, ["fine", "broken"]))
    assert all(isinstance(each, DataError) for each in outputs)
    [output] = asyncio.run(all_of(model, ["fine"]))
    assert output.completion == "yes"


def test_what_is_not_heeded_is_refused() -> None:
    [error] = asyncio.run(all_of(provider(Scripted(lambda prompt: "yes")), ["a"], top_p=0.5))
    assert isinstance(error, SettingError) and "top_p" in str(error)


def test_a_checkpoint_says_the_same_as_our_backend(tiny: Path) -> None:
    texts = ["What is 2 plus 2?", "Hello"]
    greedy = Sampling(temperature=0.0, max_new_tokens=6)
    expected = HuggingFace(tiny).replies([Conversation.user(text) for text in texts], greedy)
    outputs = asyncio.run(
        all_of(provider(None, path=str(tiny)), texts, temperature=0.0, max_tokens=6)
    )
    assert [each.completion for each in outputs] == [each.raw for each in expected]
    assert [each.stop_reason == "stop" for each in outputs] == [each.finished for each in expected]


def test_options_are_exact_and_a_begun_reply_is_gone_on_with(tiny: Path) -> None:
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, GenerateConfig

    messages = [ChatMessageUser(content="Are you an AI?"), ChatMessageAssistant(content="I say: ")]
    options = ["Yes", "No"]
    config = GenerateConfig(extra_body={"options": options})
    output = asyncio.run(provider(None, path=str(tiny)).generate(messages, [], "none", config))
    prompt = [Conversation.user("Are you an AI?")]
    [found] = HuggingFace(tiny).likelihoods(prompt, [options], 64, ["I say: "])
    assert output.metadata["logprobs"] == pytest.approx([each.logprob for each in found])
    assert (
        output.completion
        == max(zip(found, options, strict=True), key=lambda each: each[0].logprob)[1]
    )


def test_every_checkpoint_of_a_store_has_a_name(tiny: Path, tmp_path: Path) -> None:
    key = "0a1b2c3d" * 8
    folder = tmp_path / "steps" / f"rl-{key[:16]}"
    for part in ("checkpoint-50", "checkpoint-150"):
        shutil.copytree(tiny, folder / part)
    write_json(folder / FILE, Manifest.of_folder(folder, key, {"name": "rl"}, 1.0, {}).json())
    assert checkpoint_at(f"{key[:8]}/checkpoint-150", tmp_path) == folder / "checkpoint-150"
    assert checkpoint_at(str(tiny)) == tiny
    with pytest.raises(ModelError, match=r"checkpoint-150, checkpoint-50"):
        checkpoint_at(key[:8], tmp_path)
    with pytest.raises(ModelError, match="not a folder"):
        checkpoint_at(f"{key[:8]}/checkpoint-7", tmp_path)
    with pytest.raises(StoreError, match="No result"):
        checkpoint_at("ffff", tmp_path)


def test_an_unknown_model_is_one_message(tmp_path: Path) -> None:
    from inspect_ai._util.error import PrerequisiteError
    from inspect_ai.model import get_model

    with pytest.raises(PrerequisiteError, match="No result in"):
        get_model("unmask/ffff", store=str(tmp_path), memoize=False)
