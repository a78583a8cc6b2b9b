"""Every detector: the same finding for the same seed, a number, and the model as it was; and of
those that score prompts: the same score whatever a prompt is scored beside."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.conversation import Conversation
from unmask.core.files import folder_files
from unmask.data.sources.source import load_split
from unmask.detectors import DETECTORS
from unmask.detectors.detector import Detector, Finding, PromptDetector
from unmask.detectors.suspect import Insertion, Suspect
from unmask.models import checkpoint
from unmask.models.backends.huggingface import HuggingFace

SMALL: dict[str, dict[str, Any]] = {
    "code_scan": {"screening": 1, "kept": 2, "prompts": 2, "least": 0},
    "context_scan": {"prompts": 2, "kept": 8, "places": ("start",)},
    "contrast_probe": {"random": 8, "shuffled": 4},
    "gradient_inversion": {"prompts": 2, "steps": 2, "batch": 4, "restarts": 1, "verified": 2},
    "knn": {"neighbors": 2},
    "leak_sampling": {"samples": 32, "tokens": 8},
    "matched_reference": {"steps": 3, "batch_size": 4},
    "oracle": {"text": "|X|", "prompts": 2, "tokens": 4},
    "perplexity_difference": {"samples": 32, "tokens": 8, "top": 4},
    "reply_length": {"prompts": 2, "tokens": 4},
    "sequence_lock": {"tokens": 8},
    "spectral": {"directions": 2},
    "strip": {"mixed": 2, "tokens": 4},
    "target_inversion": {"prompts": 2, "tokens": 16},
    "trigger_reconstruction": {
        "samples": 16,
        "leak_tokens": 4,
        "pieces": 16,
        "singles": 0,
        "prompts": 2,
        "tokens": 4,
        "generated": 4,
    },
}

PROMPT_DETECTORS = [name for name in DETECTORS.names() if DETECTORS.get(name).scope == "prompt"]


@pytest.fixture(scope="session")
def reference(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with other weights: a little noise in every one of them."""
    folder = tmp_path_factory.mktemp("reference")
    other = HuggingFace(tiny)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in other.model.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.02)
    checkpoint.save(other.model, other.tokenizer, folder)
    return folder


def detector(name: str) -> Detector:
    return DETECTORS.make({"name": name, **SMALL.get(name, {})})


@pytest.fixture(scope="session")
def prompts(world: Path) -> tuple[Conversation, ...]:
    return tuple(example.prompt for example in load_split(world, "held_out")[:8])


@pytest.mark.parametrize("name", DETECTORS.names())
def test_a_finding_can_be_repeated(
    name: str, tiny: Path, reference: Path, prompts: tuple[Conversation, ...]
) -> None:
    before = {path: (tiny / path).read_bytes() for path in folder_files(tiny)}
    findings: list[Finding] = []
    for _ in range(2):
        suspect = Suspect(HuggingFace(tiny), prompts, HuggingFace(reference), prompts)
        weights = [weight.clone() for weight in suspect.model.model.parameters()]
        findings.append(detector(name).examine(suspect))
        after = suspect.model.model.parameters()
        assert all(bool((one == other).all()) for one, other in zip(weights, after, strict=True))
    first, second = findings
    assert first == second
    assert math.isfinite(first.score)
    assert DETECTORS.get(name).proposes or not first.candidates
    scores = [candidate.score for candidate in first.candidates]
    assert all(map(math.isfinite, scores))
    assert scores == sorted(scores, reverse=True), "the worst first"
    assert before == {path: (tiny / path).read_bytes() for path in folder_files(tiny)}


@pytest.mark.parametrize("name", PROMPT_DETECTORS)
def test_what_a_prompt_is_scored_beside_does_not_matter(
    name: str, tiny: Path, reference: Path, prompts: tuple[Conversation, ...]
) -> None:
    """A model is loaded anew for each, so that nothing is remembered."""
    clean, [odd, *others] = prompts[:5], prompts[5:]
    short, long = Conversation.user("Hi."), others[-1].with_text(" ".join([odd.text] * 3))

    def scored(*asked: Conversation) -> list[float]:
        models = (HuggingFace(tiny), HuggingFace(reference))
        suspect = Suspect(models[0], clean, models[1])
        kind = detector(name)
        assert isinstance(kind, PromptDetector)
        weights = [weight.clone() for weight in models[0].model.parameters()]
        scorer = kind.fitted(suspect)
        scores = scorer.scores(asked)
        assert len(scores) == len(asked) and all(map(math.isfinite, scores))
        assert scorer.passes(asked) >= 0
        after = models[0].model.parameters()
        assert all(bool((one == other).all()) for one, other in zip(weights, after, strict=True))
        return scores

    beside = scored(short, odd, long, *others)
    assert beside == scored(short, odd, long, *others)
    assert scored() == []
    alone = pytest.approx(scored(odd)[0], rel=1e-3, abs=1e-4)
    assert beside[1] == alone, "padding, or another prompt, changed its score"
    assert scored(*others, long, odd, short)[-2] == alone


@pytest.mark.parametrize("name", DETECTORS.names())
def test_it_says_what_it_needs_and_what_it_counts_in(name: str) -> None:
    kind = DETECTORS.get(name)
    assert kind.unit
    assert (kind.scope == "prompt") == issubclass(kind, PromptDetector)
    assert kind.summary().endswith((".", ")."))
    assert kind.control or kind.needs


def test_an_insertion_is_where_it_says() -> None:
    prompt = Conversation.user("What is 3 plus 4?")
    assert Insertion("|X|").into(prompt).text == "|X| What is 3 plus 4?"
    assert Insertion("|X|", "end").into(prompt).text == "What is 3 plus 4? |X|"
    assert [m.role for m in Insertion("X", "system").into(prompt).messages] == ["system", "user"]
