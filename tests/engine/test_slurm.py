"""The executor 'slurm' on a real Slurm of one node: `eval "$(.ci/slurm start)"` starts it."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unmask.core.errors import SettingError
from unmask.core.memory import GIB, Machine, Resources
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.core.tokens import Tokens
from unmask.engine.executors import slurm_queue as queue
from unmask.engine.executors.executor import Outcome
from unmask.engine.executors.inline import Inline
from unmask.engine.executors.slurm import Slurm
from unmask.engine.plan import Budget
from unmask.engine.step import Step
from unmask.engine.store import Store


def answers() -> bool:
    """Whether there is a Slurm that has a node."""
    command = ["sinfo", "--noheader", "--states=idle,mixed,allocated"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and bool(answer.stdout.strip())


on_slurm = pytest.mark.skipif(
    not answers(), reason='no Slurm answers here: eval "$(.ci/slurm start)" starts one'
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Modelled(Work):
    """Counts as work with a model, so that it is a job."""

    def tokens(self) -> Tokens:
        return Tokens(scored=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number(Modelled):
    """Writes a number and its square."""

    name: ClassVar[str] = "number"
    version: ClassVar[int] = 1
    value: int

    def run(self, out: Path) -> Mapping[str, Any]:
        (out / "rows.jsonl").write_text(json.dumps({"value": self.value, "square": self.value**2}))
        return {name.lower(): os.environ.get(name) for name in ("SLURM_JOB_ID", "OMP_NUM_THREADS")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Together(Work):
    """All rows of what it reads; without a model."""

    name: ClassVar[str] = "together"
    version: ClassVar[int] = 1

    def run(self, out: Path, **inputs: Path) -> Mapping[str, Any]:
        rows = [(folder / "rows.jsonl").read_text() for _, folder in sorted(inputs.items())]
        (out / "rows.jsonl").write_text("\n".join(rows))
        return {"slurm_job_id": os.environ.get("SLURM_JOB_ID")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Death(Modelled):
    """Kills its process."""

    name: ClassVar[str] = "death"
    version: ClassVar[int] = 1

    def run(self, out: Path) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Long(Modelled):
    """Gets half way, and waits there the first time; then goes on from there."""

    name: ClassVar[str] = "long"
    version: ClassVar[int] = 1
    half: str = dataclasses.field(metadata=RUN_ONLY)

    def run(self, out: Path, *, scratch: Path) -> Mapping[str, Any]:
        resumed = (scratch / "half").exists()
        if not resumed:
            (scratch / "half").touch()
            Path(self.half).write_text(os.environ["SLURM_JOB_ID"])
            time.sleep(120)
        return {"resumed": resumed}


def execute(executor: Slurm | Inline, store: Store, *targets: Step) -> list[Outcome]:
    return executor.execute(targets, store, Budget())


def drive(executor: Slurm, store: Store, step: Step) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    execute(executor, store, step)


def jobs_left() -> str:
    command = ["squeue", "--me", "--noheader", "--states=all", "--format=%i %j %T"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in listed.splitlines() if re.search("PENDING|RUNNING", line))


def until(reached: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


SMALL = Slurm(time="20", poll=1.0)


@on_slurm
def test_jobs_give_what_this_process_gives_row_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "1")  # as where the driver is a job itself
    monkeypatch.setenv("SLURM_NTASKS", "7")
    numbers = {f"number{value}": Step(Number(value=value)) for value in range(3)}
    together = Step(Together(), numbers)
    store, other = Store(tmp_path / "slurm"), Store(tmp_path / "inline")
    outcomes = execute(SMALL, store, together)
    assert [outcome.status for outcome in outcomes] == ["executed"] * 4, outcomes
    execute(Inline(), other, together)
    for step in (*numbers.values(), together):
        rows = [(home.folder(step) / "rows.jsonl").read_text() for home in (store, other)]
        assert rows[0] == rows[1]
    facts = [outcome.manifest.facts for outcome in outcomes if outcome.manifest]
    assert len({each["slurm_job_id"] for each in facts}) == 4, "three jobs, and this process"
    assert facts[-1]["slurm_job_id"] == "1"
    assert facts[0]["omp_num_threads"] == "1"
    assert {outcome.status for outcome in execute(SMALL, store, together)} == {"cached"}
    assert not list(store.root.rglob("*.pkl")) and not list((store.root / "slurm").iterdir())
    assert not list(store.root.glob(".shared-*"))


@on_slurm
def test_a_job_that_is_killed_is_a_failed_step_that_says_so(tmp_path: Path) -> None:
    good, bad = Step(Number(value=1)), Step(Death())
    outcomes = {
        outcome.step.key: outcome
        for outcome in execute(SMALL, Store(tmp_path), Step(Together(), {"a": bad, "b": good}))
    }
    assert outcomes[good.key].status == "executed"
    assert outcomes[bad.key].status == "failed"
    assert re.search(r"its job \d+ ended without a result \(", outcomes[bad.key].error)
    log = Path(outcomes[bad.key].error.rpartition(" ")[2].rstrip("."))
    assert "Starting with" in log.with_suffix(".out").read_text()
    assert {outcome.status for outcome in outcomes.values()} == {"executed", "failed", "blocked"}


@on_slurm
def test_what_slurm_refuses_is_said_in_its_own_words(tmp_path: Path) -> None:
    step = Step(Number(value=1))
    [nowhere] = execute(Slurm(partition="nowhere"), Store(tmp_path), step)
    assert nowhere.status == "failed"
    assert "invalid partition specified: nowhere" in nowhere.error
    assert "executor.partition" in nowhere.error
    [large] = execute(Slurm(sbatch={"mem": "900T"}), Store(tmp_path), step)
    assert large.status == "failed" and "does not take its job" in large.error


@on_slurm
def test_an_interrupt_cancels_the_jobs(tmp_path: Path) -> None:
    store, half = Store(tmp_path / "store"), tmp_path / "half"
    driver = multiprocessing.get_context("fork").Process(
        target=drive, args=(SMALL, store, Step(Long(half=str(half))))
    )
    driver.start()
    until(half.exists)
    assert "unmask:long RUNNING" in jobs_left()
    os.kill(driver.pid or 0, signal.SIGINT)
    driver.join(30)
    assert driver.exitcode == 1
    until(lambda: "unmask:long" not in jobs_left(), 20)
    until(lambda: store.abandoned() != [], 20)  # what it had done is kept, and nobody holds it


@on_slurm
def test_a_job_at_its_time_limit_goes_on_in_the_next_one(tmp_path: Path) -> None:
    """Slurm's warning before the limit is sent by hand."""
    half = tmp_path / "half"
    run = ThreadPool(1).apply_async(
        execute, (SMALL, Store(tmp_path / "store"), Step(Long(half=str(half))))
    )
    until(lambda: half.exists() and bool(half.read_text()))
    job = half.read_text()
    subprocess.run(["scancel", "--signal=USR2", job], check=True)
    [outcome] = run.get(60)
    assert outcome.status == "executed", outcome.error
    assert outcome.manifest and outcome.manifest.facts["resumed"] is True


@on_slurm
def test_a_job_that_reaches_its_limit_too_often_is_a_failed_step(tmp_path: Path) -> None:
    half = tmp_path / "half"
    run = ThreadPool(1).apply_async(
        execute,
        (
            dataclasses.replace(SMALL, time="1", restarts=0),
            Store(tmp_path / "store"),
            Step(Long(half=str(half))),
        ),
    )
    until(lambda: half.exists() and bool(half.read_text()))
    subprocess.run(["scancel", "--signal=USR2", half.read_text()], check=True)
    [outcome] = run.get(60)
    assert outcome.status == "failed" and "timed-out too many times" in outcome.error


def test_where_there_is_no_slurm_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingError, match="no sbatch here"):
        execute(Slurm(), Store(tmp_path), Step(Number(value=1)))


@pytest.mark.skipif(not shutil.which("sinfo"), reason="no commands of Slurm here")
def test_a_slurm_that_does_not_answer_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slurm.conf").write_text("Nonsense=1\n")
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    with pytest.raises(SettingError, match="does not answer here: "):
        execute(Slurm(), Store(tmp_path), Step(Number(value=1)))


@pytest.mark.parametrize(
    ("time", "minutes"),
    [("90", 90), ("90:30", 91), ("4:00:00", 240), ("1-0", 1440), ("1-12", 2160), ("1-1:30", 1530)],
)
def test_times_are_read_as_slurm_writes_them(time: str, minutes: int) -> None:
    assert queue.minutes(time) == minutes


@pytest.mark.parametrize("wrong", ["4h", "1:2:3:4", "", "0", "-5"])
def test_other_times_are_refused(wrong: str) -> None:
    with pytest.raises(SettingError, match="time="):
        Slurm(time=wrong)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Large(Modelled):
    """Asks for a GPU where there is one."""

    name: ClassVar[str] = "large"
    version: ClassVar[int] = 1

    def run(self, out: Path) -> None: ...

    def resources(self, models: Any, machine: Machine) -> Resources:
        return Resources(gpus=int(machine.device == "cuda"), memory=machine.total // 2 + 1)


def test_a_step_asks_for_what_it_needs_and_the_user_has_the_last_word() -> None:
    nodes = [queue.Node(64 * GIB, gpus=True), queue.Node(16 * GIB, gpus=False)]
    settings = Slurm(partition="gpu", cpus=4, gpus=2, time="1-0", sbatch={"qos": "high"})
    asked = settings.parameters(Step(Large()), nodes)
    assert asked["mem"] == "8193M" and asked["cpus_per_task"] == 4 and asked["gpus_per_node"] == 2
    assert asked["time"] == 1440 and asked["partition"] == "gpu" and "account" not in asked
    assert asked["additional_parameters"] == {"requeue": True, "qos": "high"}
    assert "gpus_per_node" not in settings.parameters(Step(Large()), nodes[1:])
    mine = Slurm(sbatch={"cpus-per-task": 9, "requeue": False})
    more = mine.parameters(Step(Large()), nodes)["additional_parameters"]
    assert more == {"requeue": False, "cpus_per_task": 9}
