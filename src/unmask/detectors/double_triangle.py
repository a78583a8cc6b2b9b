"""Double triangle: whether a text in a prompt is attended to by itself, and not by what is behind.

Source: "Trigger in the Haystack" (2602.03085): in the attention of a backdoored model, a trigger
forms a triangle of its own beside that of the prompt. Deviations: where the text stands is found by
comparing tokens with those of the prompt without it, not by searching for it as text, which
misplaces short ones; averaged over all layers and heads. Attention is given by the plain (eager)
implementation alone, so the model is switched to it meanwhile. One more pass per text and prompt.
"""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from collections.abc import Generator, Sequence
from typing import Any

from unmask.core import progress
from unmask.core.conversation import Conversation
from unmask.core.errors import ModelError
from unmask.detectors.suspect import Insertion
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.forward import passing


@dataclasses.dataclass(frozen=True)
class Span:
    """The places of an insertion among the tokens of a prompt: from `start` to before `stop`."""

    start: int
    stop: int


@dataclasses.dataclass(frozen=True)
class DoubleTriangle:
    """Of one model, on a few prompts."""

    model: HuggingFace
    prompts: tuple[Conversation, ...]

    def of(self, insertions: Sequence[Insertion], label: str) -> list[float]:
        """For each insertion, the share of attention that its tokens have for each other, less the
        share that those behind it have for them: from -1 to 1. Raises ModelError for a model that
        gives no attention."""
        room = checkpoint.context_length(self.model.model) - 1
        clean = chat.encoded(self.model.tokenizer, self.prompts, room)
        measured: list[float] = []
        with progress.bar(label, len(insertions)) as advance, attentive(self.model):
            for insertion in insertions:
                asked = list(map(insertion.into, self.prompts))
                rows = chat.encoded(self.model.tokenizer, asked, room)
                measured.append(
                    statistics.fmean(
                        triangle(self._attention(row), span(before, row))
                        for before, row in zip(clean, rows, strict=True)
                    )
                )
                advance(1)
        return measured

    def _attention(self, row: list[int]) -> Any:
        """The mean over layers and heads: shape (tokens, tokens), from each row to each column."""
        import torch

        tokens = torch.tensor([row], device=self.model.device)
        with torch.inference_mode(), passing(self.model.folder, 1, len(row)):
            output = self.model.model(input_ids=tokens, output_attentions=True)
        layers = [layer for layer in output.attentions or () if layer is not None]
        if not layers:
            raise ModelError(f"{self.model.folder}: the model gives no attention.")
        return torch.stack([layer[0].float().mean(0) for layer in layers]).mean(0)


def triangle(attention: Any, place: Span) -> float:
    """Of one text; what stands at its very end has nothing behind it that could attend to it."""
    own = attention[:, place.start : place.stop].sum(-1)
    behind = own[place.stop :]
    itself = float(own[place.start : place.stop].mean())
    return itself - (float(behind.mean()) if len(behind) else 0.0)


def span(before: Sequence[int], after: Sequence[int]) -> Span:
    """Where `after` has what `before` has not; at least one place."""
    start, most = 0, min(len(before), len(after) - 1)
    while start < most and before[start] == after[start]:
        start += 1
    end, most = 0, min(len(before), len(after) - 1) - start
    while end < most and before[-1 - end] == after[-1 - end]:
        end += 1
    return Span(start, len(after) - end)


@contextlib.contextmanager
def attentive(model: HuggingFace) -> Generator[None]:
    """The model with the implementation that gives attention; raises ModelError where it has
    none."""
    inner = model.model
    usual = inner.config._attn_implementation
    try:
        inner.set_attn_implementation("eager")
    except Exception as error:  # each architecture refuses in its own way
        raise ModelError(f"{model.folder}: the model gives no attention.") from error
    try:
        yield
    finally:
        inner.set_attn_implementation(usual)
