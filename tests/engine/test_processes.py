"""Several processes: as many steps at once as there are workers, and one that dies costs its own
branch only."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import ClassVar

import pytest

from unmask.core.named import Work
from unmask.engine.executors.processes import THREADS, Processes, chosen, limited
from unmask.engine.executors.schedule import by_chain
from unmask.engine.plan import Budget, PlannedStep
from unmask.engine.rates import Expected
from unmask.engine.step import Step
from unmask.engine.store import Store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Meeting(Work):
    """Ends only when the other one has begun."""

    name: ClassVar[str] = "meeting"
    version: ClassVar[int] = 1

    me: str
    other: str
    place: str

    def run(self, out: Path) -> dict[str, object]:
        place = Path(self.place)
        (place / self.me).touch()
        deadline = time.monotonic() + 60
        while not (place / self.other).exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the other one never came")
            time.sleep(0.01)
        return {"threads": os.environ.get(THREADS), "process": os.getpid()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Death(Work):
    """Kills its process."""

    name: ClassVar[str] = "death"
    version: ClassVar[int] = 1

    number: int

    def run(self, out: Path) -> None:
        os._exit(9)


@dataclasses.dataclass(frozen=True, kw_only=True)
class After(Work):
    """Stands on another step."""

    name: ClassVar[str] = "after"
    version: ClassVar[int] = 1

    def run(self, out: Path, *, before: Path) -> None:
        pass


def test_two_workers_do_two_steps_at_the_same_time(tmp_path: Path) -> None:
    steps = [
        Step(Meeting(me=me, other=other, place=str(tmp_path)))
        for me, other in (("a", "b"), ("b", "a"))
    ]
    outcomes = Processes(workers=2).execute(steps, Store(tmp_path / "store"), Budget())
    assert [outcome.status for outcome in outcomes] == ["executed", "executed"]
    facts = [outcome.manifest.facts for outcome in outcomes if outcome.manifest]
    assert facts[0]["process"] != facts[1]["process"]


def test_a_process_that_dies_is_a_failed_step_that_says_so(tmp_path: Path) -> None:
    steps = [Step(Death(number=number)) for number in (1, 2)]
    outcomes = Processes(workers=2).execute(steps, Store(tmp_path / "store"), Budget())
    assert all(each.status == "failed" and "fewer workers" in each.error for each in outcomes)


def test_processes_share_the_cores_and_what_the_user_set_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(THREADS, raising=False)
    limited(3)
    assert os.environ[THREADS] == "3"
    limited(5)
    assert os.environ[THREADS] == "3"


def test_a_step_that_stands_alone_is_done_here_with_all_threads(tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    [outcome] = Processes(workers=2).execute(
        [Step(Meeting(me="a", other="b", place=str(tmp_path)))], Store(tmp_path / "store"), Budget()
    )
    assert outcome.manifest and outcome.manifest.facts["process"] == os.getpid()


def test_steps_without_a_model_go_first_and_a_lone_training_waits_for_all_cores() -> None:
    def planned(number: int, tokens: int) -> PlannedStep:
        return PlannedStep(Step(Death(number=number)), tokens)

    quick, training, another = planned(0, 0), planned(1, 100), planned(2, 100)
    assert chosen([training, quick], []) == [quick]
    assert chosen([training], [quick]) == [], (
        "it would have one thread beside something that is done in a moment"
    )
    assert chosen([training], []) == [training]
    assert chosen([training, another], [quick]) == [training, another]
    assert chosen([training], [another]) == [training]


def test_the_longest_chain_of_work_begins_first() -> None:
    short, first, alone = (Step(Death(number=number)) for number in range(3))
    last = Step(After(), {"before": first})
    seconds = [(short, 2.0), (first, 1.0), (alone, 4.0), (last, 5.0)]
    order = by_chain([PlannedStep(step, 1, Expected(each)) for step, each in seconds])
    assert [planned.step for planned in order] == [first, last, alone, short]
