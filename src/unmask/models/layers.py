"""Layers: the residual stream of a network, read and moved where its layers hand it on.

A state has the shape (rows, tokens, width). Imports torch at the top: import this module only where
a model is at work.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from unmask.core.errors import ModelError


def decoder_layers(network: Any) -> list[Any]:
    """The layers of a network, first to last. Raises ModelError where they are not found."""
    count = network.config.get_text_config().num_hidden_layers
    for module in network.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return list(module)
    raise ModelError(
        f"A {type(network).__name__} has no list of {count} layers, so that its residual stream"
        " cannot be reached. Use a model built as Llama is, or what leaves layers alone."
    )


def at_depths(network: Any, depths: Sequence[float]) -> list[Any]:
    """The layers at these shares of a network's depth, each once, the first at 0 and the last at 1;
    in the order of the network."""
    layers = decoder_layers(network)
    chosen = {round(depth * (len(layers) - 1)) for depth in depths}
    return [layer for number, layer in enumerate(layers) if number in chosen]


@contextmanager
def recorded(modules: Sequence[Any]) -> Generator[list[torch.Tensor]]:
    """The states that these modules hand on when the network is used next, in their order."""
    states: dict[int, torch.Tensor] = {}
    handed_on: list[torch.Tensor] = []

    def recording(number: int) -> Any:
        def hook(_: Any, __: Any, output: Any) -> None:
            states[number] = _state(output)

        return hook

    with ExitStack() as stack:
        for number, module in enumerate(modules):
            stack.callback(module.register_forward_hook(recording(number)).remove)
        yield handed_on
        handed_on.extend(state for _, state in sorted(states.items()))


@contextmanager
def moved(changes: Mapping[Any, torch.Tensor]) -> Generator[None]:
    """Add to what each module hands on a change of a shape that a state's can be broadcast with,
    or, where the state has several times as many rows, that of each of these parts."""

    def moving(change: torch.Tensor) -> Any:
        def hook(_: Any, __: Any, output: Any) -> Any:
            state = _state(output)
            parts = state.shape[0] // change.shape[0]
            new = state + change.to(state.dtype).repeat(parts, 1, 1)
            return (new, *output[1:]) if isinstance(output, tuple) else new

        return hook

    with ExitStack() as stack:
        for module, change in changes.items():
            stack.callback(module.register_forward_hook(moving(change)).remove)
        yield


def _state(output: Any) -> torch.Tensor:
    return output[0] if isinstance(output, tuple) else output
