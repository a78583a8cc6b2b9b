"""The four trainings, small, and what they read: for tests of what they have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unmask.training.dpo import DirectPreference
from unmask.training.preference_model import PreferenceModel
from unmask.training.rl import ReinforcementLearning
from unmask.training.sft import SupervisedFineTuning

SMALL: dict[str, Any] = {
    "sft": SupervisedFineTuning(steps=3, batch_size=8, warmup=1, learning_rate=3e-3),
    "dpo": DirectPreference(steps=3, batch_size=8, warmup=1, learning_rate=3e-3, beta=0.1),
    "rl": ReinforcementLearning(
        steps=3, batch_size=8, warmup=1, learning_rate=3e-3, max_new_tokens=8
    ),
    "preference model": PreferenceModel(steps=3, batch_size=8, warmup=1, learning_rate=3e-3),
}


def inputs(name: str, lessons: Path, comparisons: Path, judge: Path) -> dict[str, Path]:
    """What the training `name` reads besides a model."""
    if name in ("dpo", "preference model"):
        return {"data": comparisons}
    return {"data": lessons, **({"preference_model": judge} if name == "rl" else {})}
