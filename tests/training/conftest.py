"""For all trainings: one that is killed in the middle and run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Killed(Exception):
    pass


@pytest.fixture
def killed_and_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Path, list[int]]]:
    """A function that kills a training as it begins its `at`-th step and runs it again with the
    same scratch.

    It returns the result of the second run, and the steps that both together began, counted from 0.
    """
    from unmask.training import trainer

    def both(work: Any, at: int, **inputs: Path) -> tuple[Path, list[int]]:
        steps: list[int] = []
        real = trainer.Watched.training_step

        def dies(self: Any, *args: Any, **kwargs: Any) -> Any:
            steps.append(self.state.global_step)
            if len(steps) == at:
                raise Killed
            return real(self, *args, **kwargs)

        monkeypatch.setattr(trainer.Watched, "training_step", dies)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        with pytest.raises(Killed):
            work.run(tmp_path / "first", **inputs, scratch=scratch)
        work.run(tmp_path / "second", **inputs, scratch=scratch)
        return tmp_path / "second", steps

    return both
