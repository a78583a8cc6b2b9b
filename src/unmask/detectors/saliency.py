"""A detector of prompts in which one span alone makes a known payload likely.

Source: saliency localization as in Patcher (2606.02995): the payload is taken as the reply, the
gradient of its probability by each token of the prompt says which span matters, and leaving that
span out shows whether it does. Deviations: other spans are left out for comparison, evenly taken
and not random, and the score is how much more the first one takes away. Cost per payload and
prompt: a backward pass (3) and `controls` + 1 passes. Limits: it needs a payload in fixed words
that somebody suspects, and a prompt with the trigger, in the user's last words; it finds no trigger
by itself. Where the payload is as good as certain, its gradient is next to nothing everywhere, and
another span may look largest.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator, Sequence
from typing import ClassVar

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError
from unmask.detectors.detector import Need, PromptDetector, Scorer
from unmask.detectors.gradient_inversion import HERE, around, gradient, known_payloads
from unmask.detectors.suspect import Suspect
from unmask.models import chat, checkpoint
from unmask.models.backends.huggingface import HuggingFace

Frame = tuple[list[int], list[int]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Saliency(PromptDetector):
    """How much less likely, per token, a known behavior's payload becomes without the `span` tokens
    of the prompt that matter most, than without one of `controls` other spans."""

    name: ClassVar[str] = "saliency"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[Need, ...]] = ("gradients", "logits")
    unit: ClassVar[str] = "probability per token of a payload"

    span: int = 4
    controls: int = 8

    def __post_init__(self) -> None:
        if min(self.span, self.controls) < 1:
            raise SettingError("saliency needs span and controls of at least 1.")

    def fitted(self, suspect: Suspect) -> Scorer:
        ids = chat.option_ids(suspect.model.tokenizer, known_payloads())
        return Spans(suspect.model, tuple(ids), self.span, self.controls)


@dataclasses.dataclass(frozen=True)
class Spans(Scorer):
    """Spans of prompts to one model, and the tokens of the payloads."""

    model: HuggingFace
    payloads: tuple[tuple[int, ...], ...]
    span: int
    compared: int

    def scores(self, prompts: Sequence[Conversation]) -> list[float]:
        """Raises DataError for a prompt that is too long. One of a single token has no other span
        and scores 0."""
        return [max(self._falls(prompt)) for prompt in prompts]

    def passes(self, prompts: Sequence[Conversation]) -> int:
        return len(prompts) * len(self.payloads) * (self.compared + 4)

    def _falls(self, prompt: Conversation) -> Iterator[float]:
        """For each payload, how much more the span that matters most takes away than others do."""
        ids = self.model.tokenizer([prompt.text], add_special_tokens=False)["input_ids"][0]
        size = min(self.span, len(ids) // 2)
        longest = max(map(len, self.payloads))
        room = checkpoint.context_length(self.model.model) - longest - len(ids)
        frame = around(self.model, prompt.with_text(HERE), room)
        for payload in self.payloads:
            yield self._fall(frame, ids, payload, size) if size else 0.0

    def _fall(self, frame: Frame, ids: Sequence[int], payload: tuple[int, ...], size: int) -> float:
        norms = gradient(self.model, frame, ids, payload).norm(dim=-1)
        sums: list[float] = norms.unfold(0, size, 1).sum(-1).tolist()
        most = max(range(len(sums)), key=lambda start: (sums[start], -start))
        others = [start for start in range(len(sums)) if start != most]
        chosen = others[:: max(1, -(-len(others) // self.compared))]
        rows = [[*ids[:start], *ids[start + size :]] for start in (most, *chosen)]
        without, *controls = self._chances(frame, rows, payload)
        return statistics.fmean(controls) - without

    def _chances(
        self, frame: Frame, texts: Sequence[list[int]], payload: tuple[int, ...]
    ) -> list[float]:
        """The probability per token (geometric mean) of the payload behind each text."""
        from torch import tensor

        before, after = frame
        rows = [[*before, *text, *after, *payload[:-1]] for text in texts]
        ids = tensor(payload, device=self.model.device)[:, None]
        read = self.model.following(rows, [len(payload) - 1] * len(rows))
        return [float(logprobs.gather(1, ids).mean().exp()) for logprobs in read]
