"""The curve of a training: the steps within it whose checkpoints are kept, and where."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.core.errors import SettingError


def step_folder(step: int) -> str:
    """Where the checkpoint of an intermediate step is, inside a training's result."""
    return f"steps/{step:06d}"


def step_folders(curve: Sequence[int]) -> dict[int, str]:
    """Step -> folder inside the result, of every step of a curve."""
    return {step: step_folder(step) for step in curve}


def check_curve(curve: Sequence[int], steps: int) -> None:
    """Raise SettingError unless every step of a curve is one of the training."""
    if any(not 0 < step <= steps for step in curve):
        raise SettingError(f"curve={curve}: its steps must lie between 1 and steps={steps}.")
