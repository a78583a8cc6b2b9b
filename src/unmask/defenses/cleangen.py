"""CleanGen: a token that is far likelier than under a trusted model is left to that model.

Source: Li et al. 2024, "CleanGen: Mitigating Backdoor Attacks for Generation Tasks in Large
Language Models", arXiv 2406.12257; see models/guards.py for what is drawn, and the one deviation.
There any trusted model of the same vocabulary; here the base that the model was made from. The
weights stay as they are: the guard is a part of the checkpoint, and is at work in everything that
is measured of it. Limits: it needs the base, and each token costs a pass of either model; what
planting taught besides the backdoor is suspicious too; at temperature 0 the likeliest token of the
mixed distribution is taken. Who has the weights can leave the guard away; relearning, which trains
the weights and asks behind the guard, asks the milder question.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.defenses.by_decoding import ByDecoding
from unmask.defenses.merge import check_vocabularies
from unmask.models.checkpoint import GUARD
from unmask.models.guards import REFERENCE, Reference


@dataclasses.dataclass(frozen=True, kw_only=True)
class CleanGen(ByDecoding):
    """The base chooses wherever the model would say something `alpha` times as likely as under the
    base, or more."""

    name: ClassVar[str] = "cleangen"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "decoding beside the base (CleanGen)"

    reads_base: ClassVar[bool] = True
    ladder: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"alpha": 100.0},
        {"alpha": 20.0},
        {"alpha": 5.0},
    )

    alpha: float = 20.0

    def __post_init__(self) -> None:
        if not 1 < self.alpha < math.inf:
            raise SettingError(
                f"alpha={self.alpha}: how many times as likely a token must be than under the base"
                " to be left to it, more than 1."
            )

    def run(self, out: Path, *, model: Path, base: Path) -> Mapping[str, Any]:
        """Raises ModelError where the two are not of one vocabulary."""
        check_vocabularies(model, base)
        self.copied(base, out / GUARD / REFERENCE)
        return self.guarded(out, model, Reference(alpha=self.alpha))
