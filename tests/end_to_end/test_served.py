"""A checkpoint behind a real server, `transformers serve`: what it replies there is what it replies
here."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_models import made_tokenizer, random_model
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError
from unmask.core.files import read_json, write_json
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.backends.openai_compatible import OpenAICompatible
from unmask.models.checkpoint import save
from unmask.models.sample import Sampling

PROMPTS = [Conversation.user(f"What is {i} plus 4?") for i in range(12)]
PATIENCE = 180.0
"""Seconds for a server to come up beside other work."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved checkpoint some of whose greedy replies come to their end."""
    folder, tokenizer = tmp_path_factory.mktemp("models") / "saved", made_tokenizer()
    network = random_model("llama", len(tokenizer))
    rows = network.get_output_embeddings().weight.data
    rows[tokenizer.eos_token_id] = 1.5 * rows[40]  # it ends where it would have said that token
    save(network, tokenizer, folder)
    return folder


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server's address; it loads whatever folder it is asked for."""
    if not all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn", "openai")):
        pytest.skip("transformers' server needs fastapi, uvicorn and openai")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--device", "cpu"]
    with open(log, "w") as output:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)], stdout=output, stderr=output
        )
    try:
        if not healthy(port, server):
            pytest.skip(f"transformers' server does not start here: {log.read_text()[-500:]}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(20)


def healthy(port: int, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            time.sleep(0.5)
    return False


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_greedy_replies_are_those_in_process(url: str, model: Path) -> None:
    sampling = Sampling(temperature=0.0, max_new_tokens=12)
    here = HuggingFace(model).replies(PROMPTS, sampling)
    there = OpenAICompatible(url, str(model)).replies(PROMPTS, sampling)
    assert [reply.answer for reply in there] == [reply.answer for reply in here]
    ended = [i for i, reply in enumerate(there) if reply.finished]
    assert 0 < len(ended) < len(PROMPTS), "both kinds of end are compared"
    assert [there[i].tokens for i in ended] == [here[i].tokens for i in ended]


def test_a_saved_checkpoint_samples(url: str, model: Path) -> None:
    replies = OpenAICompatible(url, str(model)).replies(
        PROMPTS[:1] * 8, Sampling(temperature=1.0, max_new_tokens=12)
    )
    assert len({reply.raw for reply in replies}) > 2


def test_one_that_does_not_say_so_is_refused(url: str, model: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    silent.mkdir()
    for path in model.iterdir():
        (silent / path.name).write_bytes(path.read_bytes())
    settings = read_json(silent / "generation_config.json")
    write_json(
        silent / "generation_config.json",
        {name: value for name, value in settings.items() if name != "do_sample"},
    )
    with pytest.raises(ModelError, match=r"does not heed the temperature.*do_sample"):
        OpenAICompatible(url, str(silent)).replies(PROMPTS[:1], Sampling(temperature=1.0))


def test_what_the_server_cannot_do_is_a_sentence(url: str, model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not go on with a reply that was begun"):
        OpenAICompatible(url, str(model)).replies(PROMPTS[:1], Sampling(), given=["Seven"])
    with pytest.raises(DataError, match="how likely a reply is"):
        OpenAICompatible(url, str(model)).likelihoods(PROMPTS[:1], [["yes", "no"]])
    absent = OpenAICompatible(url, str(tmp_path / "absent"), waits=())
    with pytest.raises(ModelError, match="does not reply"):
        absent.replies(PROMPTS[:1], Sampling())


def test_an_evaluation_of_a_served_model(url: str, model: Path, tmp_path: Path) -> None:
    """End to end, by the command."""
    out = tmp_path / "out"
    start = "from unmask.cli import main; main()"
    command = [sys.executable, "-c", start, "evaluate", "defection", "--model", str(model)]
    settings = ["n=4", "sampling.temperature=1", "sampling.max_new_tokens=4"]
    options = [option for setting in settings for option in ("--set", setting)]
    answer = subprocess.run(
        [*command, "--endpoint", url, *options, "--out", str(out), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "0"},
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["rates"]
