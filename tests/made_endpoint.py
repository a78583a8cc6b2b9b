"""A small server in this process that speaks OpenAI's protocol, and says what a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], tuple[int, Any]]


def completion(content: Any, finish: Any = "stop", **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **fields}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "some-model",
        "choices": [choice],
    } | {"usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}


def echo(asked: dict[str, Any]) -> tuple[int, Any]:
    return 200, completion(f"reply to {asked['messages'][-1]['content']}")


class Endpoint(ThreadingHTTPServer):
    """Answers with `answer`, and keeps what it was asked; lists the models `listed`, where it
    does."""

    def __init__(self) -> None:
        self.answer: Answer = echo
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.listed: list[str] | None = None
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
        self._send(*self.server.answer(asked))

    def _send(self, status: int, value: Any) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.server.listed is None:
            self.send_error(404)
            return
        self._send(200, {"data": [{"id": name} for name in self.server.listed]})

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Endpoint]:
    """An endpoint that answers as long as the block lasts."""
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
