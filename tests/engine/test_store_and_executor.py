"""The engine: keys, caching, damage, failure, budgets, races; with work that involves no model."""

from __future__ import annotations

import dataclasses
import errno
import json
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unmask.core import stopping
from unmask.core.errors import DataError, SettingError, StoreError
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.core.tokens import Tokens
from unmask.engine.executors.executor import Outcome
from unmask.engine.executors.inline import Inline
from unmask.engine.executors.processes import Processes
from unmask.engine.plan import Budget, Plan
from unmask.engine.step import Part, Step, ordered
from unmask.engine.store import Store, inspect_folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number(Work):
    """Writes a number."""

    name: ClassVar[str] = "number"
    version: ClassVar[int] = 1
    value: int
    log: str = dataclasses.field(default="", metadata=RUN_ONLY)
    fails: str = ""
    waits: bool = dataclasses.field(default=False, metadata=RUN_ONLY)

    def tokens(self) -> Tokens:
        return Tokens(trained=1000)

    def run(self, out: Path, *, scratch: Path | None = None) -> Mapping[str, Any]:
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{self.value}\n")
        if self.fails == "disk":
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.fails == "data":
            raise DataError("the row is bad")
        if self.fails == "bug":
            raise ZeroDivisionError("oops")
        resumed = scratch is not None and (scratch / "half").exists()
        if self.waits and scratch is not None and not resumed:
            (out / "number.json").write_text("half-writ")
            (scratch / "half").touch()
            signal.pause()
        (out / "number.json").write_text(json.dumps(self.value))
        return {"tokens": 1, "resumed": resumed}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sum(Work):
    """Adds two numbers."""

    name: ClassVar[str] = "sum"
    version: ClassVar[int] = 1

    def run(self, out: Path, *, one: Path, other: Path) -> None:
        total = sum(json.loads((folder / "number.json").read_text()) for folder in (one, other))
        (out / "number.json").write_text(json.dumps(total))


def add(one: Step, other: Step) -> Step:
    return Step(Sum(), {"one": one, "other": other})


def execute(store: Store, *targets: Step, budget: str | None = None) -> list[Outcome]:
    return Inline().execute(targets, store, Budget.of(budget))


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_the_key_is_what_a_step_is() -> None:
    one, two = Step(Number(value=1)), Step(Number(value=2))
    assert one.key == Step(Number(value=1, log="elsewhere")).key
    assert one.key != two.key
    assert add(one, two).key != add(two, one).key
    assert add(one, two).key != Step(Sum(), {"one": one, "other": Part(two, "sub")}).key


def test_inputs_must_be_what_the_work_takes() -> None:
    with pytest.raises(SettingError, match="takes"):
        Step(Sum(), {"one": Step(Number(value=1))})


def test_a_step_runs_once_and_inputs_first(store: Store, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    one = Step(Number(value=1, log=log))
    total = add(one, add(one, Step(Number(value=2, log=log))))
    assert [step.name for step in ordered([total])] == ["number", "number", "sum", "sum"]
    assert statuses(execute(store, total)) == ["executed"] * 4
    assert statuses(execute(store, total)) == ["cached"] * 4
    assert json.loads((store.folder(total) / "number.json").read_text()) == 4
    assert Path(log).read_text().split() == ["1", "2"]


def test_a_manifest_says_where_a_result_came_from(store: Store) -> None:
    step = Step(Number(value=7))
    execute(store, step)
    flaw, manifest = inspect_folder(store.folder(step), step.key, every=True)
    assert flaw is None and manifest is not None
    assert manifest.identity == step.identity
    assert manifest.facts["tokens"] == 1
    assert set(manifest.files) == {"number.json"}
    assert manifest.environment["python"]


@pytest.mark.parametrize(
    "damage", ["other bytes", "longer", "missing", "no manifest", "half a manifest"]
)
def test_a_damaged_result_is_made_again_and_said(store: Store, damage: str, capsys: Any) -> None:
    step = Step(Number(value=12))
    execute(store, step)
    folder = store.folder(step)
    file, manifest = folder / "number.json", folder / "manifest.json"
    {
        "other bytes": lambda: file.write_text("13"),
        "longer": lambda: file.write_text("1234"),
        "missing": file.unlink,
        "no manifest": manifest.unlink,
        "half a manifest": lambda: manifest.write_text(manifest.read_text()[:50]),
    }[damage]()
    from unmask.core import progress

    with progress.shown():
        assert statuses(execute(store, step)) == ["executed"]
    assert "damaged" in capsys.readouterr().err
    assert file.read_text() == "12"


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        ("data", "the row is bad"),
        ("bug", "traceback is in"),
        ("disk", "disk that holds .* is full"),
    ],
)
def test_a_failure_blocks_only_what_stands_on_it(store: Store, fails: str, says: str) -> None:
    bad, good = Step(Number(value=1, fails=fails)), Step(Number(value=2))
    outcomes = {
        outcome.step.key: outcome for outcome in execute(store, add(bad, good), add(good, good))
    }
    assert outcomes[bad.key].status == "failed"
    assert re.search(says, outcomes[bad.key].error)
    assert outcomes[add(bad, good).key].status == "blocked"
    assert outcomes[add(good, good).key].status == "executed"
    assert not store.folder(bad).exists()


def test_a_step_waits_for_what_its_part_needs(store: Store) -> None:
    guard, model = Step(Number(value=1, fails="data")), Step(Number(value=2))
    guarded = Step(Sum(), {"one": Part(model, needs=(guard,)), "other": model})
    assert statuses(execute(store, guarded)) == ["executed", "failed", "blocked"]


def test_a_budget_stops_before_it_is_exceeded(store: Store) -> None:
    steps = [Step(Number(value=value)) for value in range(4)]
    outcomes = execute(store, *steps, budget="2500tok")
    assert statuses(outcomes) == ["executed", "executed", "stopped", "stopped"]
    assert "budget" in outcomes[2].error
    assert statuses(execute(store, *steps)) == ["cached", "cached", "executed", "executed"]


def test_what_stands_on_a_stopped_step_is_stopped_unless_another_failed(store: Store) -> None:
    bad, dear = Step(Number(value=1, fails="data")), Step(Number(value=2))
    outcomes = execute(store, add(dear, dear), add(dear, bad), budget="1500tok")
    said = {(outcome.step.name, outcome.status) for outcome in outcomes}
    assert said == {
        ("number", "executed"),
        ("sum", "executed"),
        ("number", "stopped"),
        ("sum", "stopped"),
    }
    outcomes = execute(store, bad, add(dear, bad), budget="1500tok")
    assert statuses(outcomes) == ["failed", "cached", "blocked"]


@pytest.mark.parametrize("text", ["lots", "", " ", "0m", "0.0s", "0tok", "-3m"])
def test_a_budget_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"10m|pays for nothing"):
        Budget.of(text)


def test_only_what_is_missing_is_begun(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    steps = [Step(Number(value=value, log=str(log))) for value in range(20)]
    execute(store, *steps[::2])
    log.unlink()
    for executor in (Inline(), Processes(workers=2)):
        executor.execute(steps, store, Budget.of(None))
        assert sorted(map(int, log.read_text().split())) == list(range(1, 20, 2))


def test_a_plan_spends_nothing_and_learns_speeds(store: Store) -> None:
    steps = [Step(Number(value=value)) for value in range(2)]
    plan = Plan.of(steps, store)
    assert [planned.status for planned in plan.steps] == ["to run"] * 2
    assert plan.tokens == 2000
    assert not store.root.exists()
    execute(store, steps[0])
    assert [planned.status for planned in Plan.of(steps, store).steps] == ["cached", "to run"]


def test_a_key_is_looked_up_by_its_beginning(store: Store) -> None:
    step = Step(Number(value=5))
    execute(store, step)
    assert store.lookup(step.key[:8])[1].key == step.key
    with pytest.raises(StoreError, match="No result"):
        store.lookup("ffff0000")


def test_looking_destroys_nothing(store: Store) -> None:
    step = Step(Number(value=5))
    execute(store, step)
    (store.folder(step) / "number.json").write_text("6")
    assert Plan.of([step], store).steps[0].status == "to run"
    assert store.folder(step).exists()


def test_an_error_that_wraps_a_full_disk_is_known_as_one(store: Store) -> None:
    class WriterError(Exception):
        pass

    def work(out: Path, scratch: Path) -> Mapping[str, Any]:
        raise WriterError("I/O error: No space left on device (os error 28)")

    with pytest.raises(StoreError, match="is full"):
        store.make(Step(Number(value=1)), work)


def test_a_step_whose_library_changed_a_signal_into_an_error_is_not_a_failure(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = stopping.Stopped(signal.SIGINT)
    step, later = Step(Number(value=1, fails="stopped")), Step(Number(value=2))
    monkeypatch.setattr(stopping, "_received", [])

    def swallow(self: Number, out: Path, *, scratch: Path | None = None) -> None:
        stopping._received.append(stop)  # pyright: ignore[reportPrivateUsage] - as if it had come just now
        raise RuntimeError("the iterator failed")

    monkeypatch.setattr(Number, "run", swallow)
    with pytest.raises(stopping.Stopped) as caught:
        execute(store, step, later)
    assert "0 of 2 steps are finished" in caught.value.__notes__[0]
    with pytest.raises(stopping.Stopped):
        execute(store, later)


def run_in_process(root: Path, step: Step) -> None:
    Inline().execute([step], Store(root), Budget())


def test_a_killed_step_is_never_half_there_and_resumes(store: Store) -> None:
    step = Step(Number(value=9, waits=True))
    process = multiprocessing.get_context("fork").Process(
        target=run_in_process, args=(store.root, step)
    )
    process.start()
    area, half = store.root / "scratch" / step.key[:16], "*/scratch/half"
    deadline = time.monotonic() + 20
    while not list(area.glob(half)) and time.monotonic() < deadline:
        os.sched_yield()
    assert list(area.glob(half))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert store.find(step) is None
    [outcome] = execute(store, step)
    assert outcome.status == "executed"
    assert outcome.manifest is not None and outcome.manifest.facts["resumed"] is True
    assert (store.folder(step) / "number.json").read_text() == "9"


def test_two_processes_do_the_work_once(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    step = Step(Number(value=3, log=str(log)))
    processes = [
        multiprocessing.get_context("fork").Process(target=run_in_process, args=(store.root, step))
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert log.read_text() == "3\n"
    assert store.find(step) is not None
