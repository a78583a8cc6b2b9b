"""Defense: safety training by somebody who does not know the trigger. Checkpoint in, checkpoint out.

The threat model is an import rule: nothing here may import `unmask.organisms`, but for `organisms.behaviors` (a red
team knows what bad looks like). See tests/test_threat_model.py.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.core.named import Work


class Defense(Work, abc.ABC):
    """Abstract. Contract (tests/contracts/test_defenses.py): the result loads as a checkpoint and so does every one
    of its curve; the weights it was given are left as they were."""

    @abc.abstractmethod
    def lessons(self) -> Work:
        """The step that makes this defense's data from a source; an audit searches all of it for the trigger."""

    @abc.abstractmethod
    def run(self, out: Path, *, model: Path, data: Path, scratch: Path | None = None) -> Mapping[str, Any]:
        """Defend `model` with what `lessons` made; write a checkpoint to `out`."""

    @property
    def extra_tokens(self) -> int:
        """Room for what it teaches a model to say besides its answers (reasoning, a manner of speaking)."""
        return 0

    def checkpoints(self) -> dict[int, str]:
        """Training step -> folder inside the result ("" for the end), for persistence as a curve; at least the end."""
        return {1: ""}
