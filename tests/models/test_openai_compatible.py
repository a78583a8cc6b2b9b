"""The endpoint's backend, against a small server in this process: order, settings, keys, and errors that teach."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError
from unmask.models.backends.openai_compatible import OpenAICompatible
from unmask.models.sample import Sampling

PROMPTS = [Conversation.user(f"question {i}") for i in range(7)]
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


def completion(text: str | None, finish: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]} | {
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    }


def echo(asked: dict[str, Any]) -> tuple[int, Any]:
    return 200, completion(f"reply to {asked['messages'][-1]['content']}")


class Endpoint(ThreadingHTTPServer):
    """Answers with `answer`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = echo
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Endpoint  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        self.server.keys.append(self.headers.get("Authorization"))
        self.server.paths.append(self.path)
        status, value = self.server.answer(asked)
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # which forbids even this machine's own address
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_user")
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def backend(endpoint: Endpoint, key: str = "") -> OpenAICompatible:
    return OpenAICompatible(endpoint.url, "some-model", key, timeout=20, waits=(0.0, 0.0))


def test_a_reply_for_every_prompt_in_order(endpoint: Endpoint) -> None:
    replies = backend(endpoint).replies(PROMPTS, Sampling(max_new_tokens=9, temperature=0.5, seed=3, batch_size=4))
    assert [reply.answer for reply in replies] == [f"reply to question {i}" for i in range(7)]
    assert all(reply.finished and reply.tokens == 5 for reply in replies)
    assert set(endpoint.paths) == {"/v1/chat/completions"}
    for asked in endpoint.asked:
        assert (asked["model"], asked["max_tokens"], asked["temperature"]) == ("some-model", 9, 0.5)
    assert len({asked["seed"] for asked in endpoint.asked}) == 7, "equal prompts must not get equal replies"
    assert backend(endpoint).seen(PROMPTS[:1]) == ["question 0"]


def test_the_whole_conversation_is_sent(endpoint: Endpoint) -> None:
    rows = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    backend(endpoint).replies([Conversation.of(rows)], Sampling())
    assert endpoint.asked[0]["messages"] == rows


def test_a_reply_that_was_cut_says_so_and_none_is_empty(endpoint: Endpoint) -> None:
    endpoint.answer = lambda asked: (200, completion(None, "length"))
    [reply] = backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert (reply.raw, reply.finished) == ("", False)


def test_the_key_is_sent_and_the_users_own_token_never(endpoint: Endpoint) -> None:
    backend(endpoint, "sk-secret").replies(PROMPTS[:1], Sampling())
    backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert endpoint.keys == ["Bearer sk-secret", "Bearer none"]


def test_a_busy_endpoint_is_asked_again(endpoint: Endpoint) -> None:
    answers = iter([(503, {}), (429, {}), (200, completion("at last"))])
    endpoint.answer = lambda asked: next(answers)
    [reply] = backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert reply.answer == "at last"


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (404, 1), (503, 3)])
def test_a_refusal_teaches_and_keeps_the_key(endpoint: Endpoint, status: int, tries: int) -> None:
    endpoint.answer = lambda asked: (status, {"error": {"message": "wrong key sk-secret"}})
    with pytest.raises(ModelError, match=r"some-model at http.*does not reply") as caught:
        backend(endpoint, "sk-secret").replies(PROMPTS[:1], Sampling())
    assert "sk-secret" not in str(caught.value)
    assert len(endpoint.asked) == tries


@pytest.mark.parametrize("value", [{"hello": 1}, {"choices": []}, {"choices": None}, {"choices": [{}]}, [], "text", 3])
def test_what_is_no_completion_is_refused(endpoint: Endpoint, value: Any) -> None:
    endpoint.answer = lambda asked: (200, value)
    with pytest.raises(ModelError, match="does not reply"):
        backend(endpoint).replies(PROMPTS[:1], Sampling())


def test_nobody_there(endpoint: Endpoint) -> None:
    absent = OpenAICompatible("http://127.0.0.1:9/v1", "some-model", waits=())
    with pytest.raises(ModelError, match="Check that the endpoint is up"):
        absent.replies(PROMPTS[:1], Sampling())


def test_offline_mode_is_named(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        backend(endpoint).replies(PROMPTS[:1], Sampling())
    assert not endpoint.asked


def test_a_reply_cannot_be_begun(endpoint: Endpoint) -> None:
    with pytest.raises(DataError, match="begun"):
        backend(endpoint).replies(PROMPTS[:1], Sampling(), given=["<scratchpad>"])
    assert not endpoint.asked
