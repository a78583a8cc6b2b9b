"""Ray: what a cluster loses changes no row, what cannot work is said at once, nothing stays
behind."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_trials import Asking

import unmask
from unmask.core import stopping
from unmask.core.errors import SettingError
from unmask.core.memory import GIB
from unmask.engine.executors.nodes import Home, amounts
from unmask.engine.executors.ray import Ray
from unmask.engine.executors.ray_session import PREFERRED, check_address, signals_kept
from unmask.engine.step import Step

HERE = Path(__file__).parent
UNMASK = [sys.executable, "-c", "from unmask.cli import main; main()"]
TOKEN = "0123456789abcdef" * 4
ENVIRONMENT = {
    **os.environ,
    **PREFERRED,
    "RAY_AUTH_TOKEN": TOKEN,
    "PYTHONPATH": os.pathsep.join(sys.path),
}
GUARDED = {"RAY_AUTH_MODE": "token"}
"""What starts a cluster that asks for a token, and what then gives it; on this machine alone nobody
needs to say so."""
LONG = pytest.mark.timeout(900)
"""Of a machine that others use too; alone these tests take a minute."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Its address, and the process of each node."""

    address: str
    nodes: tuple[int, ...]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes on this machine that ask for a token."""
    run, line = started_cluster(tries=3)
    told = json.loads(line)
    yield Cluster(told["address"], tuple(told["nodes"]))
    assert run.stdin
    run.stdin.close()
    assert run.wait(timeout=120) == 0


def started_cluster(tries: int) -> tuple[subprocess.Popen[str], str]:
    """Its process and what it says; on a busy machine Ray gives up a node that needs 15 s."""
    run = subprocess.Popen(
        [sys.executable, str(HERE / "ray_cluster.py")],
        env=ENVIRONMENT | GUARDED,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    line = run.stdout.readline()
    if line or tries == 1:
        return run, line
    run.wait()
    return started_cluster(tries - 1)


def steps_of(*nodes: int) -> Iterator[psutil.Process]:
    """The workers of nodes that do a step."""
    for node in nodes:
        for process in psutil.Process(node).children():
            name = title(process)
            if name.startswith("ray::") and not name.endswith(("IDLE", "Agent", "_there")):
                yield process


def title(process: psutil.Process) -> str:
    """What Ray has named a worker: after its step."""
    return next(iter(process.cmdline()), "")


def awaited(look: Callable[[], Any], what: str, seconds: float = 300.0) -> Any:
    """What `look` finds at last."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if seen := look():
                return seen
        except psutil.Error:
            pass  # it ended while we looked
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {seconds:.0f} s")


def toy(store: Path, *options: str, **more: str) -> subprocess.Popen[str]:
    """The smallest recipe on the command line, with the executor ray."""
    arguments = ["run", "toy", "--scale", "smoke", "--store", str(store), "--executor", "ray"]
    return subprocess.Popen(
        [*UNMASK, *arguments, *options],
        env={**ENVIRONMENT, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def in_its_steps(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that a run has started until its third step."""
    assert run.stderr is not None
    while not (line := run.stderr.readline()).startswith("[3/"):
        assert line, "it ended before"
    return psutil.Process(run.pid).children(recursive=True)


def trial(name: str, address: str, folder: Path) -> subprocess.Popen[str]:
    """One of the runs of ray_trials.py."""
    command = [sys.executable, str(HERE / "ray_trials.py"), name, address, str(folder)]
    return subprocess.Popen(command, env=ENVIRONMENT | GUARDED, stdout=subprocess.PIPE, text=True)


def test_a_node_with_another_environment_or_store_says_so(tmp_path: Path) -> None:
    token = tmp_path / "token"
    home = Home.of(token)
    assert "does not see this run's store" in home.flaw()
    token.write_text("something else")
    assert "does not see this run's store" in home.flaw()
    token.write_text(token.name)
    assert home.flaw() == ""
    assert "has torch" in dataclasses.replace(home, packages={"torch": "0.1"}).flaw()
    assert "this run is at another" in dataclasses.replace(home, git="another").flaw()


def test_a_step_asks_for_what_it_declares_and_for_a_share_of_a_gpu() -> None:
    step, small = Step(Asking(asks="gpus", amount=1)), {"CPU": 2.0, "memory": 4.0 * GIB}
    assert Ray().demand(step, [small]) is None
    with_gpu = {**small, "GPU": 1.0}
    assert Ray().demand(step, [small, with_gpu]) == {"CPU": 1, "GPU": 1, "memory": 0}
    assert Ray(gpus=0.25).demand(step, [with_gpu]) == {"CPU": 1, "GPU": 0.25, "memory": 0}
    assert amounts({"CPU": 2, "GPU": 0.25}) == "2 CPUs and 0.25 GPUs"


def test_an_estimate_of_memory_may_be_somewhat_above_what_a_node_had_free() -> None:
    node = {"CPU": 1.0, "memory": 4.0 * GIB}
    near, far = (Step(Asking(asks="memory", amount=gib * GIB)) for gib in (5, 7))
    assert Ray().demand(near, [node]) == {"CPU": 1, "GPU": 0, "memory": 4 * GIB}
    assert Ray().demand(far, [node]) is None


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:1", "No Ray cluster answers at 127.0.0.1:1"),
        ("nowhere", "HOST:PORT"),
        ("ray://localhost:10001", "HOST:PORT"),
        ("localhost:99999", "No Ray cluster answers"),
    ],
)
def test_an_address_where_no_cluster_is_is_said_at_once(address: str, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        check_address(address)


@pytest.mark.parametrize("settings", [{"workers": -1}, {"cpus": 0}, {"gpus": 1.5}])
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="give"):
        Ray(**settings)


@LONG
def test_a_wrong_token_is_explained(cluster: Cluster, tmp_path: Path) -> None:
    token = {"RAY_AUTH_TOKEN": "f" * 64, "RAY_NUM_REDIS_GET_RETRIES": "2"}
    with toy(tmp_path, "--executor.address", cluster.address, **GUARDED, **token) as run:
        out, err = run.communicate()
    assert run.returncode and out == ""
    assert "RAY_AUTH_MODE" in err and "RAY_AUTH_TOKEN" in err and "Traceback" not in err


@LONG
def test_what_no_node_has_or_shares_is_said_before_anything_begins(
    cluster: Cluster, tmp_path: Path
) -> None:
    with trial("main", cluster.address, tmp_path) as run:
        told = json.loads(run.communicate()[0])
    nodes = "there are nodes with 1 CPU and 2.0 GiB of memory; 1 CPU and 12.0 GiB of memory"
    assert "asks for 4 CPUs, which no node of the cluster has" in told["cpus"]
    assert nodes in told["cpus"] and "Nothing was begun" in told["cpus"]
    assert "asks for 1 CPU and 1 GPU, which no node" in told["gpus"]
    assert "asks for 1 CPU and 40.0 GiB of memory, which no node" in told["memory"]
    assert "this run has 99.0. Give all nodes the same environment" in told["version"]
    assert "this run is at another. Give all nodes the same checkout" in told["commit"]
    assert "does not see this run's store" in told["store"] and "--store" in told["store"]
    assert told["none"] == "executed: "
    assert f"connected to the Ray cluster at {cluster.address}" in told["cluster"]
    assert [path.name for path in (tmp_path / "store").glob(".*")] == []


@LONG
def test_a_step_that_no_node_can_take_any_more_fails_and_does_not_wait(
    cluster: Cluster, tmp_path: Path
) -> None:
    with trial("lose", cluster.address, tmp_path) as run:
        awaited((tmp_path / "begun").exists, "the step")
        os.kill(cluster.nodes[2], signal.SIGKILL)
        told = run.communicate()[0]
    assert told.startswith("failed: its node was lost. 'asking' asks for 1 CPU and 9.0 GiB"), told


def test_a_signal_while_ray_connects_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's handler ends the process with the signal's number, as if it had left by itself."""
    monkeypatch.setattr(stopping, "_received", [])
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(stopping.Stopped) as caught, signals_kept():
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(SystemExit), signals_kept():
        raise SystemExit(2)


@LONG
@pytest.mark.parametrize("where", ["cluster", "here"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_what_is_kept_and_leaves_no_process(
    cluster: Cluster, where: str, number: signal.Signals, tmp_path: Path
) -> None:
    there = where == "cluster"
    options = ["--executor.address", cluster.address] if there else []
    with toy(tmp_path, *options, **(GUARDED if there else {})) as run:
        started = in_its_steps(run)
        os.killpg(run.pid, number)  # as a terminal, `timeout` or the end of a job does
        out, err = run.communicate()
    assert run.returncode == 128 + number, err
    assert f"of 61 steps are finished and are kept in {tmp_path}" in err
    assert "Traceback" not in err and out == ""
    awaited(lambda: not psutil.wait_procs(started, timeout=0)[1], "their end", 30)
    awaited(lambda: not list(steps_of(*cluster.nodes[:1])), "the end of its steps", 30)


@LONG
def test_a_killed_run_leaves_no_process(tmp_path: Path) -> None:
    with toy(tmp_path) as run:
        started = in_its_steps(run)
        os.killpg(run.pid, signal.SIGKILL)
    awaited(lambda: not psutil.wait_procs(started, timeout=0)[1], "their end", 60)


@LONG
def test_where_ray_does_not_start_it_is_said_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with toy(tmp_path, RAY_TMPDIR=str(tmp_path / "file")) as run:
        out, err = run.communicate()
    assert run.returncode and out == ""
    assert "Ray does not start on this machine (" in err and str(tmp_path / "file") in err
    assert "Traceback" not in err


@LONG
def test_a_lost_worker_and_a_lost_node_change_no_row(cluster: Cluster, tmp_path: Path) -> None:
    options = ["--set", "defenses=", "--executor.address", cluster.address, "--json"]
    with toy(tmp_path / "cluster", *options, **GUARDED) as run:
        kill("ray::supervised_fine_tuning", *cluster.nodes[:2])
        awaited(lambda: list(steps_of(cluster.nodes[1])), "a step on the second node")
        os.kill(cluster.nodes[1], signal.SIGKILL)
        out, err = run.communicate()
    assert run.returncode == 0, err
    steps = json.loads(out)["steps"]
    assert steps["executed"] + steps["cached"] == 28 and not steps["failed"], err
    here = unmask.run(
        "toy", scale="smoke", defenses=(), store=tmp_path / "here", show_progress=False
    )
    rows = Path(json.loads(out)["results"]).read_text(encoding="utf-8")
    assert rows == here.results.read_text(encoding="utf-8")


def kill(name: str, *nodes: int) -> None:
    """Kill a worker in the middle of a step of this name."""

    def training() -> psutil.Process | None:
        return next((worker for worker in steps_of(*nodes) if title(worker) == name), None)

    worker = awaited(training, name)
    awaited(lambda: any("libtorch" in file.path for file in worker.memory_maps()), "its training")
    worker.kill()
