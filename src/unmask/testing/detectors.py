"""The contract of a detector: the same finding for the same seed, a number, and the model as it
was; and of one that scores prompts: the same score whatever a prompt is scored beside."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from unmask.core.conversation import Conversation
from unmask.core.files import folder_files
from unmask.core.spec import canonical, spec
from unmask.data.sources.source import load_split
from unmask.detectors.detector import Detector, Finding, Need, PromptDetector
from unmask.detectors.suspect import Suspect
from unmask.models.backends.huggingface import HuggingFace


class DetectorContract:
    """It examines an untrained tiny model, beside a reference that is nearly the same."""

    @pytest.fixture
    def detector(self) -> Detector:
        """The detector under test, with little to do: override this."""
        raise NotImplementedError

    @pytest.fixture
    def prompts(self, world: Path) -> tuple[Conversation, ...]:
        """Clean prompts."""
        return tuple(example.prompt for example in load_split(world, "held_out")[:8])

    def test_a_finding_can_be_repeated(
        self, detector: Detector, tiny: Path, nearby: Path, prompts: tuple[Conversation, ...]
    ) -> None:
        before = {path: (tiny / path).read_bytes() for path in folder_files(tiny)}
        findings: list[Finding] = []
        for _ in range(2):
            suspect = Suspect(HuggingFace(tiny), prompts, HuggingFace(nearby), prompts)
            with unchanged(suspect.model):
                findings.append(detector.examine(suspect))
        first, second = findings
        assert first == second
        assert math.isfinite(first.score)
        assert detector.proposes or not first.candidates
        scores = [candidate.score for candidate in first.candidates]
        assert all(map(math.isfinite, scores))
        assert scores == sorted(scores, reverse=True), "the worst first"
        assert before == {path: (tiny / path).read_bytes() for path in folder_files(tiny)}

    def test_what_a_prompt_is_scored_beside_does_not_matter(
        self, detector: Detector, tiny: Path, nearby: Path, prompts: tuple[Conversation, ...]
    ) -> None:
        """A model is loaded anew for each, so that nothing is remembered."""
        if not isinstance(detector, PromptDetector):
            return  # what it scores is a model
        clean, [odd, *others] = prompts[:5], prompts[5:]
        short, long = Conversation.user("Hi."), others[-1].with_text(" ".join([odd.text] * 3))

        def scored(*asked: Conversation) -> list[float]:
            suspect = Suspect(HuggingFace(tiny), clean, HuggingFace(nearby))
            with unchanged(suspect.model):
                scorer = detector.fitted(suspect)
                scores = scorer.scores(asked)
            assert len(scores) == len(asked) and all(map(math.isfinite, scores))
            assert scorer.passes(asked) >= 0
            return scores

        beside = scored(short, odd, long, *others)
        assert beside == scored(short, odd, long, *others)
        assert scored() == []
        alone = pytest.approx(scored(odd)[0], rel=1e-3, abs=1e-4)
        assert beside[1] == alone, "padding, or another prompt, changed its score"
        assert scored(*others, long, odd, short)[-2] == alone

    def test_it_says_what_it_needs_and_what_it_counts_in(self, detector: Detector) -> None:
        assert detector.unit
        assert (detector.scope == "prompt") == isinstance(detector, PromptDetector)
        assert detector.summary().endswith((".", ")."))
        assert detector.control or detector.needs
        assert set(detector.needs) <= set(get_args(Need))

    def test_it_has_an_identity(self, detector: Detector) -> None:
        assert detector.name and detector.version >= 1 and canonical(spec(detector))


@contextmanager
def unchanged(model: HuggingFace) -> Generator[None]:
    """Fails where the weights in memory are others afterwards."""
    weights = [weight.clone() for weight in model.model.parameters()]
    yield
    after = model.model.parameters()
    assert all(bool((one == other).all()) for one, other in zip(weights, after, strict=True))
