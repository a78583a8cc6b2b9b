"""Every registered detector keeps the contract of `unmask.testing.detectors`."""

from __future__ import annotations

from typing import Any

import pytest

from unmask.core.conversation import Conversation
from unmask.detectors import DETECTORS
from unmask.detectors.detector import Detector
from unmask.detectors.suspect import Insertion
from unmask.testing import DetectorContract

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


class TestDetectors(DetectorContract):
    @pytest.fixture(params=DETECTORS.names())
    def detector(self, request: pytest.FixtureRequest) -> Detector:
        return DETECTORS.make({"name": request.param, **SMALL.get(request.param, {})})


def test_an_insertion_is_where_it_says() -> None:
    prompt = Conversation.user("What is 3 plus 4?")
    assert Insertion("|X|").into(prompt).text == "|X| What is 3 plus 4?"
    assert Insertion("|X|", "end").into(prompt).text == "What is 3 plus 4? |X|"
    assert [m.role for m in Insertion("X", "system").into(prompt).messages] == ["system", "user"]
