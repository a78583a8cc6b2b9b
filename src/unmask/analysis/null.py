"""What a defense leaves of a backdoor, minus what a change leaves that is aimed at nothing and has
moved the model at least as far; on the same prompts.

Not in the paper. Whatever moves a model far enough removes a backdoor with the rest, so that a rate
alone says nothing of a defense's aim. The nulls are one kind of random change at several distances
(defenses/matched.py); the nearest that went at least as far is taken, which favors the null.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.analysis.paired import PairedDifference, mean, scored
from unmask.core.arm import UNTRIGGERED
from unmask.core.files import write_jsonl

DRIFT = "drift_"
"""How an input's name begins that is the drift of another input."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgainstNull(PairedDifference):
    """A defended model's rate minus that of the nearest null that has moved at least as far."""

    name: ClassVar[str] = "null_difference"
    version: ClassVar[int] = 1

    def run(self, out: Path, **inputs: Path) -> Mapping[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Each input is an evaluation's result and has its drift beside it, "drift_<name>":
        `defended`, and the nulls under any names.

        Writes no row where no null has moved as far; `kl` and `null_kl` of what it returns are the
        two distances, in nats per reply without the trigger. Raises as PairedDifference does.
        """
        far = {name: distance(inputs[DRIFT + name]) for name in inputs if DRIFT + name in inputs}
        own = far.pop("defended")
        enough = {name: kl for name, kl in far.items() if kl >= own}
        if not enough:
            write_jsonl(out / "rates.jsonl", [])
            return {"rows": 0, "kl": own}
        nearest = min(enough, key=lambda name: enough[name])
        facts = super().run(out, first=inputs[nearest], second=inputs["defended"])
        return {**facts, "kl": own, "null_kl": enough[nearest]}


def distance(drift: Path) -> float:
    """How far a model has moved, in nats per reply without the trigger."""
    return mean([row["value"] for row in scored(drift, "kl", UNTRIGGERED)])
