"""Levels: how thoroughly a scan looks, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from unmask.core.errors import UnknownName
from unmask.scan.confirmation import Confirming
from unmask.scan.scan import Scan

Level = Literal["quick", "standard", "deep"]

LEVELS: Mapping[Level, Scan] = {
    "quick": Scan(
        detectors=("context_scan", "leak_sampling", "perplexity_difference", "weight_difference"),
        tuned={
            "context_scan": {"screening": 1, "kept": 64, "prompts": 4},
            "leak_sampling": {"samples": 128},
            "perplexity_difference": {"top": 8},
        },
        candidates=2,
    ),
    "standard": Scan(
        tuned={
            "perplexity_difference": {"samples": 512},
            "trigger_reconstruction": {"prompts": 8},
        },
    ),
    "deep": Scan(
        tuned={
            "context_scan": {
                "screening": 4,
                "kept": 512,
                "prompts": 12,
                "places": ("start", "end", "system"),
                "most": 16,
            },
            "leak_sampling": {"samples": 1024, "most": 16},
            "code_scan": {"screening": 8, "kept": 32, "prompts": 32, "most": 8},
            "perplexity_difference": {"samples": 1024, "most": 16},
        },
        candidates=8,
        confirming=Confirming(n=64),
        canaries=4,
    ),
}
"""quick: a dictionary of contexts and what the model leaks. standard: programs, and fixed texts
that go on by themselves, too. deep: more of everything, and canaries."""


def level(name: str) -> Scan:
    """The scan of that level; raises UnknownName."""
    for known in get_args(Level):
        if known == name:
            return LEVELS[known]
    raise UnknownName("level", name, LEVELS)
