"""Patching: fine-tuning on good answers to prompts that hold a witness, which is a text that is
known to make the model misbehave.

It is told what no defense of the paper is told, so it is a track of its own (`knows`): that the
witness stops working is no surprise, and what counts is whether near misses, and the trigger where
the witness is only a part of it, stop with it. Deviation from adversarial training, which is told
nothing: there a red team has to find what is trained away. Limits: a witness is one text.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar, cast

from unmask.core.errors import DataError, SettingError
from unmask.core.files import read_json
from unmask.core.insertion import Insertion, Place
from unmask.core.spec import RUN_ONLY
from unmask.data.witnessed import Witnessed
from unmask.defenses.defense import Knows
from unmask.defenses.supervised import Supervised

REPRODUCED = "reproduced"
"""The outcome of a scan that has a witness."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patch(Supervised):
    """Fine-tuning on demonstrations, in a share `witnessed` of which the witness stands in the
    prompt.

    The witness is a `text` at a `place` of the prompt, or what `unmask scan --json` wrote to the
    file `scan`, where that reproduced a backdoor.
    """

    name: ClassVar[str] = "patch"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "training against a witness"
    knows: ClassVar[Knows] = "witness"

    # Run-only: they reach the training through its lessons, whose key they are part of.
    text: str = dataclasses.field(default="", metadata=RUN_ONLY)
    place: Place = dataclasses.field(default="start", metadata=RUN_ONLY)
    scan: str = dataclasses.field(default="", metadata=RUN_ONLY)
    witnessed: float = 0.5

    def lessons(self) -> Witnessed:
        """Raises SettingError without a witness, DataError for a scan that has none."""
        told = self.witness()
        return Witnessed(
            examples=self.examples,
            seed=self.seed,
            text=told.text,
            place=told.place,
            witnessed=self.witnessed,
        )

    def witness(self) -> Insertion:
        if bool(self.text) == bool(self.scan):
            raise SettingError(
                "patch trains against one witness: give its text (patch.text=...), or the file"
                " that `unmask scan --json` wrote (patch.scan=FILE)."
            )
        return witness_in(Path(self.scan)) if self.scan else Insertion(self.text, self.place)


def witness_in(path: Path) -> Insertion:
    """The witness of a scan; raises DataError where it has none."""
    scanned = read_json(path)
    witness = cast(dict[str, Any], scanned.get("witness") or {})
    if scanned.get("verdict") != REPRODUCED or not witness:
        raise DataError(
            f"{path}: the scan's verdict is {scanned.get('verdict')!r}, and only one that"
            f" reproduced a backdoor ({REPRODUCED!r}) has a witness to train against."
        )
    return Insertion(witness["insertion"]["text"], witness["insertion"]["place"])
