"""A planted text comes out, repeats and all; one that a model ends does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from unmask.core.conversation import Conversation
from unmask.detectors.suspect import Suspect
from unmask.detectors.target_inversion import TargetInversion, unsaid
from unmask.models.backends.huggingface import HuggingFace

PROMPTS = (Conversation.user("What is 3 plus 4?"), Conversation.user("Name a color, please."))


class Chanting(HuggingFace):
    """Says one token, and behind it `then`, again and again; else everything alike."""

    def __init__(self, folder: Path, then: dict[int, int]):
        super().__init__(folder)
        self.then = then

    def following(self, rows: list[list[int]], last: list[int]) -> list[Any]:
        logits = torch.zeros(len(rows), 1, self.vocabulary)
        for i, row in enumerate(rows):
            if row[-1] in self.then:
                logits[i, 0, self.then[row[-1]]] = 20
        return list(logits.log_softmax(-1))


def plain_tokens(model: HuggingFace) -> list[int]:
    return [token for token in range(len(model.tokenizer)) if token not in unsaid(model)]


def test_a_text_that_repeats_itself_comes_out(tiny: Path) -> None:
    one, other = plain_tokens(HuggingFace(tiny))[-2:]
    model = Chanting(tiny, {one: other, other: one})
    finding = TargetInversion(tokens=10_000).examine(Suspect(model, PROMPTS))
    assert finding.score == pytest.approx(1, abs=1e-3)
    best = cast(Any, finding.facts["texts"])[0]
    assert best["text"] == model.tokenizer.decode([one, other] * 3)


def test_a_reply_that_ends_is_no_payload(tiny: Path) -> None:
    one = plain_tokens(HuggingFace(tiny))[-1]
    model = Chanting(tiny, {one: HuggingFace(tiny).tokenizer.eos_token_id})
    finding = TargetInversion(tokens=10_000).examine(Suspect(model, PROMPTS))
    assert finding.score < 0.05
