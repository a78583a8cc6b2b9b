"""`unmask chat KEY`: talk to a checkpoint of the store, to see with your own eyes what it does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from unmask.cli.completion import keys
from unmask.cli.settings import StoreDir, readable


def chat(
    key: Annotated[
        str,
        typer.Argument(
            help="The start of a training step's key, a checkpoint folder, or smollm2.",
            autocompletion=keys,
        ),
    ],
    prompt: Annotated[
        str | None, typer.Argument(help="Ask this and leave (default: ask for prompts).")
    ] = None,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(help="Length limit of a reply.")] = 64,
    store: StoreDir = None,
) -> None:
    """Talk to a model; each prompt is a conversation of its own."""
    answer = answerer(key, store, max_new_tokens, temperature)
    if prompt is not None:
        print(answer(prompt))
    else:
        talk(answer)


def answerer(
    key: str, store: StoreDir, max_new_tokens: int, temperature: float
) -> Callable[[str], str]:
    """What gives the model's reply to a prompt; the model is loaded once."""
    from unmask.core.conversation import Conversation
    from unmask.models.backends.huggingface import HuggingFace
    from unmask.models.sample import Sampling
    from unmask.recipes.named import checkpoint_at

    backend = HuggingFace(checkpoint_at(key, store))
    sampling = Sampling(max_new_tokens=max_new_tokens, temperature=temperature)

    def answer(text: str) -> str:
        prompt = Conversation.user(readable(text, "The prompt"))
        return backend.replies([prompt], sampling)[0].raw

    return answer


def talk(answer: Callable[[str], str]) -> None:
    """Answer a prompt per line of standard input, until it ends."""
    while True:
        print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            print(answer(line.rstrip("\n")), flush=True)
