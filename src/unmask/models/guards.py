"""Guards: what stands between a model's weights and what it says, recorded in the checkpoint's own
folder, so that nobody who samples from it or scores with it does so without.

A folder `guard` in the checkpoint holds guard.json (name, version, settings, and the SHA-256 of
every file beside it) and those files: a reference model, a direction. A guard changes the logits
that the model computes, so that replies, likelihoods and divergences are all of the guarded model.
Training reads and changes the weights alone: a guard is not at work where gradients are asked for.
Whatever would lose a guard in silence (saving, vLLM, publishing, another defense) refuses.
"""

from __future__ import annotations

import abc
import dataclasses
import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import ModelError
from unmask.core.files import file_digest, folder_files, read_json, write_json
from unmask.core.named import Named
from unmask.core.spec import spec
from unmask.models import checkpoint
from unmask.models.checkpoint import GUARD

SETTINGS = "guard.json"
REFERENCE = "reference"
DIRECTION = "direction.safetensors"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guard(Named, abc.ABC):
    """Abstract. What it needs beside its settings are files in the guard's folder."""

    @abc.abstractmethod
    def attach(self, network: Any, files: Path) -> None:
        """Change what `network` computes from now on where no gradients are asked for; `files` is
        the guard's folder."""

    def write(self, folder: Path) -> None:
        """Record this beside the files that are in the guard's folder of a checkpoint already."""
        files = folder / GUARD
        digests = {str(path): file_digest(files / path) for path in folder_files(files)}
        write_json(files / SETTINGS, {**spec(self), "sha256": digests})


def guard_of(folder: Path) -> Guard | None:
    """The guard of a checkpoint; None where it has none. Raises ModelError where it is not known
    here, or one of its files is not the one that was recorded."""
    files = folder / GUARD
    if not files.is_dir():
        return None
    record = read_json(files / SETTINGS)
    kind = KINDS.get(record.get("name"))
    if kind is None or kind.version != record.get("version"):
        raise ModelError(
            f"{folder} has a guard '{record.get('name')}', version {record.get('version')}, which"
            f" is not known here ({', '.join(KINDS)}). Use the version of unmask that made it."
        )
    for path, wanted in record["sha256"].items():
        if not (files / path).is_file() or file_digest(files / path) != wanted:
            raise ModelError(
                f"{files / path} is not what was recorded: the guard is damaged. Make it again."
            )
    return kind(**record["settings"])


def guarded(folder: Path) -> Any:
    """The model of a checkpoint, with its guard at work where it has one; raises ModelError."""
    guard = guard_of(folder)
    network = checkpoint.load_model(folder, guarded=True)
    if guard is not None:
        guard.attach(network, folder / GUARD)
        network.guard = guard.name
    return network


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference(Guard):
    """Tokens that are `alpha` times as likely as under a reference model are the reference's to
    choose.

    Source: CleanGen (Li et al. 2024, arXiv 2406.12257). There a few tokens are drafted, and from
    the first suspicious one on they are drawn again; drafts change the speed and not what is
    drawn, so here the distribution itself is computed: what is not suspicious keeps its
    probability, and all the rest goes to the reference's distribution.
    """

    name: ClassVar[str] = "reference"
    version: ClassVar[int] = 1

    alpha: float

    def attach(self, network: Any, files: Path) -> None:
        reference = checkpoint.load_model(files / REFERENCE, dtype=network.dtype)
        beside = Beside(reference.to(network.device), self.alpha)
        network.register_forward_hook(beside, with_kwargs=True)


class Beside:
    """A forward hook that reads the same tokens with a reference, whose keys and values it keeps
    for as long as the model's own are kept."""

    def __init__(self, reference: Any, alpha: float):
        self.reference, self.alpha = reference, alpha
        self.kept: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def __deepcopy__(self, memo: Any) -> Beside:
        return Beside(self.reference, self.alpha)  # a copy of the model begins with nothing read

    def __call__(self, network: Any, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
        import torch
        from transformers import DynamicCache

        if torch.is_grad_enabled():
            return output
        own, new = output.past_key_values, DynamicCache(config=self.reference.config)
        cache = new if own is None else self.kept.setdefault(own, new)
        other = self.reference(*args, **{**kwargs, "past_key_values": cache, "use_cache": True})
        if own is not None and own.get_seq_length() != cache.get_seq_length():
            raise ModelError("The reference has not read what the model has: read it anew.")
        output.logits = trusted(output.logits, other.logits.to(output.logits.device), self.alpha)
        return output


def trusted(own: Any, other: Any, alpha: float) -> Any:
    """Log-probabilities from a model's logits and a reference's, shape (..., vocabulary): tokens
    less than `alpha` times as likely as under the reference keep their probability, and what is
    left is spread as the reference's."""
    import torch

    own, other = own.float().log_softmax(-1), other.float().log_softmax(-1)
    suspicious = own - other >= math.log(alpha)
    kept = own.masked_fill(suspicious, -torch.inf)
    moved = own.masked_fill(~suspicious, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.logaddexp(kept, moved + other)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Steered(Guard):
    """A direction of the residual stream: taken out behind every layer from `layer` on (`add` 0),
    or added behind that layer, `add` times."""

    name: ClassVar[str] = "steered"
    version: ClassVar[int] = 1

    layer: int
    add: float

    def attach(self, network: Any, files: Path) -> None:
        from safetensors.torch import load_file

        from unmask.models.layers import decoder_layers

        direction = load_file(files / DIRECTION)["direction"].to(network.device)
        changed = without(direction) if self.add == 0 else added(self.add * direction)
        layers = decoder_layers(network)[self.layer :]
        for layer in layers if self.add == 0 else layers[:1]:
            layer.register_forward_hook(Change(changed))


def without(direction: Any) -> Callable[[Any], Any]:
    """Takes a direction out of a state of shape (..., width)."""
    unit = direction / direction.norm()

    def change(state: Any) -> Any:
        own = unit.to(state.dtype)
        return state - (state @ own).unsqueeze(-1) * own

    return change


def added(direction: Any) -> Callable[[Any], Any]:
    """Adds a direction to a state of shape (..., width)."""

    def change(state: Any) -> Any:
        return state + direction.to(state.dtype)

    return change


@dataclasses.dataclass(frozen=True)
class Change:
    """A forward hook that changes the state that a layer hands on."""

    change: Callable[[Any], Any]

    def __call__(self, _: Any, __: Any, output: Any) -> Any:
        import torch

        if torch.is_grad_enabled():
            return output
        if isinstance(output, tuple):
            return (self.change(output[0]), *output[1:])
        return self.change(output)


KINDS: dict[str, type[Guard]] = {kind.name: kind for kind in (Reference, Steered)}
"""By the name that guard.json has."""
