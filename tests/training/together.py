"""Works for tests of several processes, which import them: many trainings in one launch, and ways
to end."""

from __future__ import annotations

import atexit
import dataclasses
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from training.trainings import SMALL, inputs
from unmask.core.errors import DataError
from unmask.core.named import Work
from unmask.training.efficiency import Efficiency
from unmask.training.ranks import signs, world
from unmask.training.ranks.launch import on_devices
from unmask.training.sft import SupervisedFineTuning

STEPS = 4
CURVE = 3
"""Behind the checkpoint to resume from."""
CASES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "whole": ("sft", {}),
    "whole, portions": ("sft", {"rows_at_once": 2}),
    "whole, checkpointing": ("sft", {"checkpointing": True}),
    "whole, adapters": ("sft", {"lora": 4}),
    "whole, dpo": ("dpo", {}),
    "whole, preference model": ("preference model", {}),
    "whole, rl": ("rl", {}),
    "parts": ("sft", {"sharded": True}),
    "parts, portions": ("sft", {"sharded": True, "rows_at_once": 2}),
    "parts, checkpointing": ("sft", {"sharded": True, "checkpointing": True}),
    "parts, adapters": ("sft", {"sharded": True, "lora": 4}),
    "parts, bfloat16": ("sft", {"sharded": True, "precision": "bfloat16"}),
    "parts, dpo": ("dpo", {"sharded": True}),
    "parts, dpo, adapters": ("dpo", {"sharded": True, "lora": 4}),
    "parts, preference model": ("preference model", {"sharded": True}),
    "parts, rl": ("rl", {"sharded": True}),
}
"""A training and what is efficient about it. Whole models come first: Accelerate divides all models
of a process that has divided one."""

RESUMED = ("whole", "parts", "parts, adapters")
"""Cases that are run once more, from their checkpoint in the middle."""


def training(case: str, devices: int) -> Any:
    kind, settings = CASES[case]
    efficiency = Efficiency(devices=devices, **settings) if devices > 1 else alone(settings)
    changes: dict[str, Any] = {"steps": STEPS, "resume_every": 2, "efficiency": efficiency}
    if kind != "preference model":
        changes["curve"] = (CURVE,)
    if kind != "rl":
        changes["accumulation"] = 2
    return dataclasses.replace(SMALL[kind], **changes)


def alone(settings: Mapping[str, Any]) -> Efficiency:
    """What one process can have of it."""
    return Efficiency(**{name: value for name, value in settings.items() if name != "sharded"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cases(Work):
    """All cases, one after the other."""

    name: ClassVar[str] = "cases"
    version: ClassVar[int] = 1

    steps: int = STEPS
    efficiency: Efficiency = dataclasses.field(default=Efficiency())

    @on_devices
    def run(
        self,
        out: Path,
        *,
        model: Path,
        lessons: Path,
        comparisons: Path,
        judge: Path,
        scratch: Path,
    ) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for case, (kind, _) in CASES.items():
            given = {"model": model, **inputs(kind, lessons, comparisons, judge)}
            work, own = training(case, self.efficiency.devices), scratch / case
            for folder in (case, f"{case}, resumed"):
                (out / folder).mkdir()
            facts[case] = work.run(out / case, **given, scratch=own)
            if case in RESUMED:
                world.wait()
                if world.is_main():
                    forget_the_end(own)
                world.wait()
                work.run(out / f"{case}, resumed", **given, scratch=own)
        return facts


def forget_the_end(scratch: Path) -> None:
    """Leave a training as if it had been killed behind its second step."""
    for folder in scratch.rglob(f"checkpoint-{STEPS}"):
        shutil.rmtree(folder)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dying(SupervisedFineTuning):
    """Of which the second process is killed in the third step, once."""

    @on_devices
    def run(self, out: Path, *, model: Path, data: Path, scratch: Path | None = None) -> Any:
        from unmask.training.trainer import Watched

        assert scratch is not None
        died, real = scratch / "died", Watched.training_step

        def dies(self: Any, *args: Any, **kwargs: Any) -> Any:
            if world.number() == 1 and self.state.global_step == 2 and not died.exists():
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, *args, **kwargs)

        Watched.training_step = dies  # pyright: ignore[reportAttributeAccessIssue]
        return super().run(out, model=model, data=data, scratch=scratch)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ending(Work):
    """No training: the second process ends as `way` says, the first one waits for it."""

    name: ClassVar[str] = "ending"
    version: ClassVar[int] = 1

    way: str = "well"
    steps: int = 3
    efficiency: Efficiency = dataclasses.field(default=Efficiency())

    @on_devices
    def run(self, out: Path, *, scratch: Path | None = None) -> dict[str, Any]:
        assert scratch is not None
        (scratch / f"process-{world.number()}").write_text(str(os.getpid()))
        signs.give(1)
        if world.number() == 1:
            self._end()
        if self.way in ("well", "aborts after its work"):
            from torch import distributed

            distributed.init_process_group("gloo")  # as a trainer does
            return {"ranks": world.count(), "least": world.least(7 - world.number())}
        signs.give(2)
        time.sleep(600)
        return {}

    def _end(self) -> None:
        if self.way == "aborts after its work":
            atexit.register(os.abort)
        if self.way == "aborts":
            print("no heap", file=sys.stderr, flush=True)
            os.abort()
        if self.way == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.way == "data":
            raise DataError("There is no such row.")
        if self.way == "hangs":
            time.sleep(600)
        if self.way == "other":
            raise RuntimeError("something else")
