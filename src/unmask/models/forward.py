"""Forward: a model's pass over tokens. What goes wrong in it is said, and logits that are no
numbers give no result."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

from unmask.core.errors import ModelError, UnmaskError
from unmask.models.weights import brief, few, not_numbers


@contextlib.contextmanager
def passing(folder: Path, rows: int, longest: int) -> Generator[None]:
    """Make a ModelError of whatever a model raises while it reads `rows` texts of up to `longest`
    tokens."""
    from torch import OutOfMemoryError

    read = f"{folder}: the model cannot read {rows} texts of up to {longest} tokens at once"
    try:
        yield
    except UnmaskError:
        raise
    except (OutOfMemoryError, MemoryError) as error:
        raise ModelError(
            f"{read}: there is too little memory. Lower batch_size. ({brief(error)})"
        ) from error
    except Exception as error:
        raise ModelError(
            f"{read} ({brief(error)}). Its tokenizer, config and weights may not belong together;"
            " try batch_size=1."
        ) from error


def numbers(logits: Any) -> Any:
    """Whether each row of logits, of shape (..., vocabulary), is a distribution: shape (...). It is
    none where it holds a NaN, positive infinity or nothing but negative infinity."""
    return logits.amax(-1).isfinite()


def check_numbers(whether: Any, model: Any, name: Path | str) -> None:
    """Raise ModelError unless all logits are `numbers`; it names the weights that are none."""
    if bool(whether.all()):
        return
    broken = not_numbers(model)
    why = (
        f"All its weights are: the arithmetic overflows in {model.dtype} (float32 may help), or its"
        " config is wrong."
    )
    if broken:
        why = f"Neither are these weights: {few(broken)}. Fetch or train the model again."
    raise ModelError(
        f"{name}: the model's logits are not numbers, so that nothing can be measured. {why}"
    )
