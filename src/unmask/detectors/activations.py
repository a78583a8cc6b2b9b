"""Activations: the residual stream behind every layer, at the last token of a text. Reading it is
what costs, so it is read once per model and text, and all detectors share it.

What was read is kept as long as the model is in memory, and forgotten when its weights change. A
batch is filled up on the right, where no word of a causal model sees it; a model that does not read
alike in this way (models/batches.py tries it) is asked one by one.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, cast, get_args
from weakref import WeakKeyDictionary

from unmask.core import progress
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.detectors.detector import Need, PromptDetector, Scorer
from unmask.detectors.suspect import Suspect
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace, uneven
from unmask.models.batches import batches
from unmask.models.forward import passing
from unmask.models.sample import Sampling

AT_ONCE = 64
"""Texts that are read at once, at most."""

LEAST = 2
"""Clean prompts that something can be learnt from."""

Token = Literal["prompt", "reply"]
Text = tuple[Conversation, str]
"""A prompt, and how the reply to it begins."""
Measure = Callable[[Any], Any]
"""From activations, of shape (prompts, layers, width), to one number per prompt."""


@dataclasses.dataclass
class Known:
    """What was read of one model: `weights` says in which state they were."""

    weights: tuple[Any, ...]
    rows: dict[Text, Any] = dataclasses.field(default_factory=dict[Text, Any])


_known: WeakKeyDictionary[HuggingFace, Known] = WeakKeyDictionary()


def activations(
    model: HuggingFace, prompts: Sequence[Conversation], given: Sequence[str] = ()
) -> Any:
    """At the last token of each prompt (and of how its reply begins, where that is `given`), what
    each layer hands on: float32, shape (prompts, layers, width). Raises DataError for a prompt that
    does not fit the context, ModelError where the layers are not found or a state is no number."""
    import torch

    asked = list(zip(prompts, given or [""] * len(prompts), strict=True))
    known = known_of(model)
    missing = [text for text in dict.fromkeys(asked) if text not in known]
    if missing:
        known.update(zip(missing, read(model, missing), strict=True))
    return torch.stack([known[text] for text in asked])


def known_of(model: HuggingFace) -> dict[Text, Any]:
    """What was read of a model with the weights that it has now."""
    # Every change of a tensor in place is counted.
    weights = tuple((id(weight), weight._version) for weight in model.model.parameters())
    if model not in _known or _known[model].weights != weights:
        _known[model] = Known(weights)
    return _known[model].rows


def read(model: HuggingFace, texts: Sequence[Text]) -> list[Any]:
    """The activations of each text, shape (layers, width), in their order."""
    prompts, given = zip(*texts, strict=True)
    room = checkpoint.context_length(model.model)
    rows = chat.encoded(model.tokenizer, prompts, room, given)
    most = 1 if uneven(rows) and not model.reads_alike else AT_ONCE
    states: dict[int, Any] = {}
    with progress.bar("activations", len(rows)) as advance:
        for places in batches(list(map(len, rows)), model.vocabulary, most):
            states.update(zip(places, last_states(model, [rows[i] for i in places]), strict=True))
            advance(len(places))
    return [states[i] for i in range(len(rows))]


def last_states(model: HuggingFace, rows: Sequence[list[int]]) -> Any:
    """Of one batch of tokens: shape (rows, layers, width)."""
    import torch

    with torch.no_grad(), passing(model.folder, len(rows), max(map(len, rows))):
        states = residuals(model, *filled(model, rows))
        ends = torch.tensor([len(ids) - 1 for ids in rows])
        last = states[:, torch.arange(len(rows)), ends].transpose(0, 1).float().cpu()
    if not bool(last.isfinite().all()):
        raise ModelError(
            f"{model.folder}: what its layers hand on is not a number for some prompt, so that"
            " nothing can be told from it. The arithmetic may overflow: try a float32 copy."
        )
    return last


def filled(model: HuggingFace, rows: Sequence[list[int]]) -> tuple[Any, Any]:
    """Tokens and mask of a batch, filled up on the right: each of shape (rows, tokens)."""
    import torch

    length, fill = max(map(len, rows)), model.tokenizer.pad_token_id
    tokens = torch.tensor([ids + [fill] * (length - len(ids)) for ids in rows])
    mask = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in rows])
    return tokens.to(model.model.device), mask.to(model.model.device)


def residuals(model: HuggingFace, tokens: Any, mask: Any) -> Any:
    """What each layer hands on, at every token: shape (layers, rows, tokens, width)."""
    import torch

    from unmask.models.layers import decoder_layers, recorded

    with recorded(decoder_layers(model.model)) as states:
        model.model(input_ids=tokens, attention_mask=mask, use_cache=False, logits_to_keep=1)
    return torch.stack(states)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ActivationDetector(PromptDetector):
    """What compares a prompt's activations with those of clean prompts. Abstract.

    `token` is where they are read: "prompt", its last token, or "reply", the first token that the
    model itself (greedily) says to it.
    """

    needs: ClassVar[tuple[Need, ...]] = ("activations",)

    token: Token = "prompt"

    def __post_init__(self) -> None:
        if self.token not in get_args(Token):
            raise SettingError(f"{self.name}: token={self.token!r} is neither prompt nor reply.")

    @abc.abstractmethod
    def fit(self, clean: Any) -> Measure:
        """From activations of clean prompts, shape (prompts, layers, width). Raises DataError for
        too few."""

    def fitted(self, suspect: Suspect) -> Scorer:
        if len(suspect.prompts) < LEAST:
            raise too_few(self.name, len(suspect.prompts), LEAST)
        clean = at(self.token, suspect.model, suspect.prompts)
        return ActivationScorer(suspect.model, self.token, self.fit(clean.double()))


def at(token: Token, model: HuggingFace, prompts: Sequence[Conversation]) -> Any:
    """Activations at the last token of each prompt, or at the first one of the reply."""
    if token == "prompt":
        return activations(model, prompts)
    sampling = Sampling(max_new_tokens=1, temperature=0.0)
    replies = model.replies(prompts, sampling, label="first tokens")
    return activations(model, prompts, [reply.raw for reply in replies])


def too_few(name: str, given: int, needed: int) -> DataError:
    return DataError(
        f"{name} learns from clean prompts: {given} given, and at least {needed} are needed."
    )


@dataclasses.dataclass(frozen=True)
class ActivationScorer(Scorer):
    """Measures each prompt's activations."""

    model: HuggingFace
    token: Token
    measure: Measure

    def scores(self, prompts: Sequence[Conversation]) -> list[float]:
        if not prompts:
            return []
        rows = at(self.token, self.model, prompts).double()
        return cast(list[float], self.measure(rows).tolist())

    def passes(self, prompts: Sequence[Conversation]) -> int:
        return len(prompts) * (1 if self.token == "prompt" else 2)
