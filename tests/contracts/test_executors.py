"""Every executor: inputs first, an outcome a step, failures block only what stands on them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

import pytest

from unmask.core.errors import DataError, SettingError
from unmask.core.named import Work
from unmask.engine.executors import EXECUTORS, slurm_queue
from unmask.engine.plan import Budget
from unmask.engine.step import Step
from unmask.engine.store import Store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Letter(Work):
    """Writes a letter."""

    name: ClassVar[str] = "letter"
    version: ClassVar[int] = 1
    letter: str

    def run(self, out: Path) -> None:
        if self.letter == "bad":
            raise DataError("a bad letter")
        (out / "text").write_text(self.letter)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Twice(Work):
    """Writes what it reads, twice."""

    name: ClassVar[str] = "twice"
    version: ClassVar[int] = 1

    def run(self, out: Path, *, letter: Path) -> None:
        (out / "text").write_text((letter / "text").read_text() * 2)


def available(name: str) -> str:
    """The executor's name; skips where there is no cluster for it."""
    if name == "slurm":
        try:
            slurm_queue.nodes("")
        except SettingError as nowhere:
            pytest.skip(str(nowhere))
    return name


@pytest.mark.parametrize("name", EXECUTORS.names())
def test_graphs_are_run_cached_and_survive_failures(name: str, tmp_path: Path) -> None:
    store, executor = Store(tmp_path / "store"), EXECUTORS.make(available(name))
    good, bad = (
        Step(Twice(), {"letter": Step(Letter(letter="a"))}),
        Step(Twice(), {"letter": Step(Letter(letter="bad"))}),
    )
    outcomes = {each.step.key: each for each in executor.execute([bad, good], store, Budget())}
    assert len(outcomes) == 4
    assert outcomes[good.key].status == "executed"
    assert (store.folder(good) / "text").read_text() == "aa"
    assert outcomes[bad.key].status == "blocked"
    assert outcomes[bad.parts["letter"].step.key].error == "a bad letter"
    again = {each.step.key: each for each in executor.execute([good], store, Budget())}
    assert {each.status for each in again.values()} == {"cached"}
