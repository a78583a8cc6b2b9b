"""What a server would get wrong in silence is found out by asking it first."""

from __future__ import annotations

from typing import Any

import pytest

from made_endpoint import Answer, Endpoint, completion
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError
from unmask.models.backends.openai_compatible import OpenAICompatible
from unmask.models.backends.probe import alike
from unmask.models.sample import Sampling

PROMPTS = [Conversation.user("question")]
TEXT = ["apple", "pear", "plum", "cherry", "fig", "grape", "lemon", "lime"]


def served(
    heeds: bool = True, repeats: bool = True, counts_end: bool = True, goes_on: bool = False
) -> Answer:
    """A server of a model whose greedy reply is TEXT, a word a token; at a temperature it begins
    with its seed."""

    def answer(asked: dict[str, Any]) -> tuple[int, Any]:
        drawn = (heeds and asked["temperature"] > 0) or not repeats
        words = [f"seed{asked['seed']}" if drawn else "word", *TEXT]
        last = asked["messages"][-1]
        if last["role"] == "assistant" and goes_on:
            words = words[len(last["content"].split()) :]
        limit = asked["max_tokens"]
        kept = words[:limit]
        text = (" " if len(words) <= len(TEXT) else "") + " ".join(kept)
        value = completion(text, "stop" if limit > len(words) else "length")
        ended = counts_end and limit > len(words)
        value["usage"] = {"prompt_tokens": 1, "completion_tokens": len(kept) + ended}
        value["usage"]["total_tokens"] = 1 + len(kept) + ended
        return 200, value

    return answer


def backend(endpoint: Endpoint, model: str = "some-model") -> OpenAICompatible:
    return OpenAICompatible(endpoint.url, model, timeout=20, waits=(0.0, 0.0))


def test_a_server_that_heeds_the_temperature_is_believed(endpoint: Endpoint) -> None:
    endpoint.answer = served()
    [warm] = backend(endpoint).replies(PROMPTS, Sampling(temperature=1.0, seed=3))
    [greedy] = backend(endpoint).replies(PROMPTS, Sampling(temperature=0.0))
    assert (warm.answer.split()[0], greedy.answer.split()[0]) == ("seed3", "word")


def test_a_server_that_takes_the_likeliest_at_any_temperature_is_refused(
    endpoint: Endpoint,
) -> None:
    endpoint.answer = served(heeds=False)
    with pytest.raises(ModelError, match=r"same reply to 8 equal prompts.*do_sample"):
        backend(endpoint).replies(PROMPTS, Sampling(temperature=0.7))
    backend(endpoint).replies(PROMPTS, Sampling(temperature=0.0))


def test_a_server_that_samples_at_temperature_0_is_refused(endpoint: Endpoint) -> None:
    endpoint.answer = served(repeats=False)
    with pytest.raises(ModelError, match="several replies to 4 equal prompts at temperature 0"):
        backend(endpoint).replies(PROMPTS, Sampling(temperature=0.0))
    backend(endpoint).replies(PROMPTS, Sampling(temperature=1.0))


def test_a_server_that_takes_no_high_temperature_is_asked_at_1(endpoint: Endpoint) -> None:
    usual = served()
    endpoint.answer = lambda asked: (
        (400, {"error": "too hot"}) if asked["temperature"] > 1 else usual(asked)
    )
    backend(endpoint).replies(PROMPTS, Sampling(temperature=1.0))


@pytest.mark.parametrize("counts_end", [True, False])
def test_tokens_are_those_of_the_reply_without_its_end(
    endpoint: Endpoint, counts_end: bool
) -> None:
    endpoint.answer = served(counts_end=counts_end)
    asked = backend(endpoint)
    [whole] = asked.replies(PROMPTS, Sampling(temperature=0.0, max_new_tokens=32))
    [cut] = asked.replies(PROMPTS, Sampling(temperature=0.0, max_new_tokens=4))
    assert (whole.finished, whole.tokens) == (True, 1 + len(TEXT))
    assert (cut.finished, cut.tokens) == (False, 4)


def test_a_server_is_probed_once(endpoint: Endpoint) -> None:
    endpoint.answer = served()
    asked = backend(endpoint)
    asked.replies(PROMPTS, Sampling(temperature=1.0))
    before = len(endpoint.asked)
    asked.replies(PROMPTS, Sampling(temperature=1.0))
    assert len(endpoint.asked) == before + 1
    assert not backend(endpoint).replies([], Sampling())


def test_a_begun_reply_is_gone_on_with_where_the_server_does_so(endpoint: Endpoint) -> None:
    endpoint.answer = served(goes_on=True)
    [reply] = backend(endpoint).replies(PROMPTS, Sampling(temperature=0.0), given=["word apple"])
    assert reply.answer == " ".join(["word", *TEXT])
    sent = endpoint.asked[-1]
    assert sent["messages"][-1] == {"role": "assistant", "content": "word apple"}
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)


def test_a_server_that_begins_anew_or_refuses_goes_on_with_nothing(endpoint: Endpoint) -> None:
    endpoint.answer = served(goes_on=False)
    with pytest.raises(DataError, match="does not go on with a reply that was begun"):
        backend(endpoint).replies(PROMPTS, Sampling(), given=["word apple"])
    usual = served()
    endpoint.answer = lambda asked: (
        (422, {"detail": "Unexpected fields"})
        if "continue_final_message" in asked
        else usual(asked)
    )
    with pytest.raises(DataError, match="begun"):
        backend(endpoint).replies(PROMPTS, Sampling(), given=["word apple"])


def test_another_model_than_the_one_named_is_refused(endpoint: Endpoint) -> None:
    endpoint.answer = served()
    with pytest.raises(ModelError, match=r"answers as 'some-model', and 'other' was named"):
        backend(endpoint, "other").replies(PROMPTS, Sampling())
    endpoint.listed = ["llama-3"]
    with pytest.raises(ModelError, match="answers as 'llama-3'"):
        backend(endpoint).replies(PROMPTS, Sampling())
    endpoint.listed = ["llama-3", "llama-4"]  # a long list may leave names out
    backend(endpoint).replies(PROMPTS, Sampling())


def test_names_of_one_model_are_alike() -> None:
    assert alike("gpt-4o", "gpt-4o-2024-08-06")
    assert alike("/models/toy", "/models/toy@main")
    assert alike("Llama-3", "/home/user/llama-3.gguf")
    assert not alike("gpt-4", "gpt-4o")
    assert not alike("toy", "toy2")


def test_errors_and_absence_are_a_sentence_before_anything_is_asked(endpoint: Endpoint) -> None:
    endpoint.answer = lambda asked: (500, {"error": "out of memory"})
    with pytest.raises(ModelError, match=r"some-model at .* does not reply: .*500"):
        backend(endpoint).replies(PROMPTS, Sampling())
    assert len(endpoint.asked) == 3, "one question, and two more tries"
    absent = OpenAICompatible("http://127.0.0.1:9/v1", "some-model", waits=())
    with pytest.raises(ModelError, match="Check that the endpoint is up"):
        absent.replies(PROMPTS, Sampling())
