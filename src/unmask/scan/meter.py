"""Meter: what a scan has cost so far, and where its budget ends."""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path
from typing import Any

from unmask.core.conversation import Reply
from unmask.core.duration import spoken
from unmask.core.errors import BudgetError, SettingError
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling

UNITS = {"": 60.0, "m": 60.0, "min": 60.0, "s": 1.0, "h": 3600.0}
WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a scan may cost: seconds, texts that a model reads or writes, or both; None is no
    limit. Texts are the same on every machine."""

    seconds: float | None = None
    texts: int | None = None

    @staticmethod
    def of(written: str) -> Budget:
        """From "10" (minutes), "90s", "2h" or "20000 texts"; raises SettingError."""
        read = WRITTEN.fullmatch(written.lower())
        number, unit = (float(read[1]), read[2]) if read else (0.0, "")
        if read and number and unit in UNITS:
            return Budget(seconds=number * UNITS[unit])
        if read and number >= 1 and unit in ("text", "texts", "passes"):
            return Budget(texts=int(number))
        raise SettingError(
            f"--budget {written!r} is no budget. Write minutes (--budget 10), seconds (--budget"
            " 90s) or how many texts the model may read and write (--budget 20000texts)."
        )

    def words(self) -> str:
        spent = "" if self.seconds is None else spoken(self.seconds)
        texts = "" if self.texts is None else f"{self.texts:,} texts"
        return " and ".join(filter(None, (spent, texts)))


@dataclasses.dataclass
class Meter:
    """Counts texts that were read or written, and tokens that were written; `start` is on the
    clock of time.monotonic."""

    budget: Budget = Budget()
    texts: int = 0
    tokens: int = 0
    start: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.start

    def check(self) -> None:
        """Raises BudgetError where the budget is spent."""
        seconds, texts = self.budget.seconds, self.budget.texts
        late = seconds is not None and self.seconds >= seconds
        if late or (texts is not None and self.texts >= texts):
            raise BudgetError(f"The budget of {self.budget.words()} is spent.")


class Metered(HuggingFace):
    """A model whose work is counted, and that does none beyond the budget."""

    def __init__(self, folder: Path, meter: Meter):
        super().__init__(folder)
        self.meter = meter

    def _batch(self, ids: list[list[int]], sampling: Sampling, seed: int) -> list[Reply]:
        self.meter.check()
        texts, tokens = self.meter.texts, self.meter.tokens
        replies = super()._batch(ids, sampling, seed)
        # Set, not added to: a model that is asked one by one comes here again for each text.
        self.meter.texts = texts + len(ids)
        self.meter.tokens = tokens + sum(reply.tokens or 0 for reply in replies)
        return replies

    def following(self, rows: list[list[int]], last: list[int]) -> list[Any]:
        self.meter.check()
        texts = self.meter.texts
        read = super().following(rows, last)
        self.meter.texts = texts + len(rows)
        return read
