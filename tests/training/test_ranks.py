"""Several processes that train one model: each step is one process's, and none outlives the others.

`Cases` is launched once, with all that is compared in it: a launch loads torch and TRL twice.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from training.together import CASES, CURVE, RESUMED, STEPS, Cases, Dying, Ending
from unmask.core import progress
from unmask.core.condition import Configured
from unmask.core.errors import DataError, SettingError, TrainingError
from unmask.core.files import file_digest, folder_files, read_json
from unmask.core.spec import spec
from unmask.data.preferences import Comparisons
from unmask.defenses import DEFENSES
from unmask.models import checkpoint
from unmask.training.curve import step_folder
from unmask.training.efficiency import Efficiency
from unmask.training.ranks import launch, meeting, signs
from unmask.training.ranks.job import Job
from unmask.training.ranks.meeting import ADDRESS, Meeting
from unmask.training.sft import SupervisedFineTuning

TESTS = Path(__file__).parent.parent
TWO = Efficiency(devices=2)
AS_ONE = [case for case, (kind, _) in CASES.items() if kind != "rl"]
slow = pytest.mark.timeout(1800)


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    """The processes import the works of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TESTS))
        yield


@pytest.fixture(scope="module")
def both(
    lessons: Path, world: Path, judge: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Path]:
    """All cases in one process and in two, by their number: folders with out/ and scratch/."""
    comparisons = tmp_path_factory.mktemp("comparisons")
    Comparisons(examples=40, held_out=4).run(comparisons, data=world)
    folders: dict[int, Path] = {}
    for devices in (1, 2):
        area = folders[devices] = tmp_path_factory.mktemp(f"devices-{devices}")
        for name in ("out", "scratch"):
            (area / name).mkdir()
        facts = Cases(efficiency=Efficiency(devices=devices)).run(
            area / "out",
            model=tiny,
            lessons=lessons,
            comparisons=comparisons,
            judge=judge,
            scratch=area / "scratch",
        )
        (area / "facts.json").write_text(json.dumps(facts))
    return folders


def history(area: Path, case: str) -> list[tuple[float, float]]:
    """(loss, norm of the gradient) of every step."""
    [state] = (area / "scratch" / case).rglob(f"checkpoint-{STEPS}/trainer_state.json")
    steps = [entry for entry in read_json(state)["log_history"] if "grad_norm" in entry]
    return [(entry["loss"], entry["grad_norm"]) for entry in steps]


def norms(area: Path, case: str) -> list[float]:
    return [norm for _, norm in history(area, case)]


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


@slow
@pytest.mark.parametrize("case", AS_ONE)
def test_every_step_is_that_of_one_process(case: str, both: dict[int, Path]) -> None:
    alone, together = (history(both[devices], case) for devices in (1, 2))
    rounding = 2e-3 if "bfloat16" in case else 3e-6
    assert len(alone) == len(together) == STEPS
    for one, two in zip(alone, together, strict=True):
        assert two == pytest.approx(one, rel=rounding, abs=rounding)


@slow
@pytest.mark.parametrize("case", AS_ONE)
@pytest.mark.parametrize("part", ["", step_folder(CURVE)])
def test_so_are_the_weights(case: str, part: str, both: dict[int, Path]) -> None:
    import torch

    alone, together = (both[devices] / "out" / case / part for devices in (1, 2))
    assert together.exists() == alone.exists()
    if not alone.exists():
        return  # a preference model has no curve
    one, two = weights(alone), weights(together)
    error = 5e-3 if "bfloat16" in case else 3e-6
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=error)


@slow
@pytest.mark.parametrize("case", CASES)
def test_a_result_is_as_one_process_leaves_it(case: str, both: dict[int, Path]) -> None:
    alone, together = (both[devices] / "out" / case for devices in (1, 2))
    assert set(folder_files(together)) == set(folder_files(alone))
    assert not [name for name in folder_files(together) if name.suffix in checkpoint.PICKLES]
    facts = read_json(both[2] / "facts.json")[case]
    assert facts["ranks"] == 2
    before = read_json(both[1] / "facts.json")[case]
    same = ("parameters", "dtype", *([] if "rl" in case else ["tokens"]))
    assert [facts[name] for name in same] == [before[name] for name in same]


@slow
def test_samples_are_drawn_by_each_process(both: dict[int, Path]) -> None:
    alone = norms(both[1], "whole, rl")
    whole, parts = norms(both[2], "whole, rl"), norms(both[2], "parts, rl")
    assert whole != pytest.approx(alone, rel=1e-2)
    assert parts == pytest.approx(whole, rel=1e-4)


@slow
@pytest.mark.parametrize("case", RESUMED)
def test_resumed_from_the_middle_the_weights_are_the_same(case: str, both: dict[int, Path]) -> None:
    out = both[2] / "out"
    ends = {file_digest(out / name / "model.safetensors") for name in (case, f"{case}, resumed")}
    assert len(ends) == 1
    resumed = (both[2] / "scratch" / case).rglob(f"checkpoint-{STEPS}")
    assert list(resumed), "the end was trained anew"


@slow
def test_a_killed_process_is_named_and_the_rerun_goes_on(
    tiny: Path, lessons: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    work = Dying(steps=4, batch_size=8, warmup=1, resume_every=2, efficiency=TWO)
    with pytest.raises(TrainingError, match=r"Rank 1 of 2 was killed \(SIGKILL\).*goes on"):
        work.run(tmp_path / "first", model=tiny, data=lessons, scratch=scratch)
    [kept] = scratch.rglob("checkpoint-2/trainer_state.json")
    written = kept.stat().st_mtime_ns
    work.run(tmp_path / "second", model=tiny, data=lessons, scratch=scratch)
    assert kept.stat().st_mtime_ns == written, "the first steps were trained again"
    alone = SupervisedFineTuning(steps=4, batch_size=8, warmup=1)
    alone.run(tmp_path / "alone", model=tiny, data=lessons)
    import torch

    for name, tensor in weights(tmp_path / "alone").items():
        torch.testing.assert_close(weights(tmp_path / "second")[name], tensor, rtol=0, atol=3e-6)


def ended(way: str, folder: Path, **settings: Any) -> Any:
    (folder / "out").mkdir()
    work = Ending(way=way, efficiency=Efficiency(devices=2, **settings))
    return work.run(folder / "out", scratch=folder)


@slow
@pytest.mark.parametrize("way", ["well", "aborts after its work"])
def test_the_facts_are_those_of_the_first_process(way: str, tmp_path: Path) -> None:
    """Threads of torch can abort a process that takes its interpreter down."""
    assert ended(way, tmp_path) == {"ranks": 2, "least": 6}


@slow
@pytest.mark.parametrize(
    ("way", "error", "sentence"),
    [
        ("killed", TrainingError, r"Rank 1 of 2 was killed \(SIGKILL\)"),
        ("aborts", TrainingError, r"Rank 1 of 2 was killed \(SIGABRT\), and had printed: no heap"),
        ("data", DataError, r"^There is no such row\.$"),
        ("other", TrainingError, "Rank 1 of 2 failed: RuntimeError: something else"),
    ],
)
def test_what_ended_a_process_is_said(
    way: str, error: type[Exception], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=sentence):
        ended(way, tmp_path)
    assert_gone(tmp_path)


@slow
def test_a_process_that_hangs_is_named_and_ended(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"Rank 1 of 2 hangs in training step 3.*patience"):
        ended("hangs", tmp_path, patience=20)
    log = (tmp_path / "ranks" / "rank-1.log").read_text()
    assert "_end" in log, "where it was"
    assert_gone(tmp_path)


@slow
def test_none_outlives_the_process_that_waits_for_them(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from training.test_ranks import ended;"
        " ended('hangs', Path(sys.argv[1]))"
    )
    waiting = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    until(lambda: len(processes(tmp_path)) == 2)
    waiting.send_signal(signal.SIGKILL)
    waiting.wait()
    assert_gone(tmp_path)


@slow
def test_nodes_meet_at_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv(ADDRESS, f"127.0.0.1:{free.getsockname()[1]}")
    others: list[subprocess.Popen[bytes]] = []

    def start(said: str) -> None:
        if "1 more node(s)" in said:
            others.append(subprocess.Popen(shlex.split(said.partition("each of them: ")[2])))

    monkeypatch.setattr(progress, "say", start)
    (tmp_path / "out").mkdir()
    work = Ending(efficiency=Efficiency(devices=1, nodes=2))
    assert work.run(tmp_path / "out", scratch=tmp_path) == {"ranks": 2, "least": 6}
    [other] = others
    assert other.wait(60) == 0 and len(processes(tmp_path)) == 2


@slow
def test_nodes_that_do_not_meet_do_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv(ADDRESS, f"127.0.0.1:{free.getsockname()[1]}")
    monkeypatch.setattr(meeting, "SECONDS", 3)
    (tmp_path / "out").mkdir()
    with pytest.raises(TrainingError, match="nodes=2: they did not meet"):
        Ending(efficiency=Efficiency(nodes=2)).run(tmp_path / "out", scratch=tmp_path)


def processes(folder: Path) -> list[int]:
    texts = [path.read_text() for path in folder.glob("process-*")]
    return [int(text) for text in texts if text]


def assert_gone(folder: Path) -> None:
    pids = processes(folder)
    assert pids
    until(lambda: not any(map(is_alive, pids)))


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not asked for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_number_of_processes_is_identity_only_where_samples_are_drawn() -> None:
    for name in ("sft", "dpo", "rl"):
        alone, together = (DEFENSES.make(name, efficiency=e) for e in (Efficiency(), TWO))
        drawn = name == "rl"
        assert (spec(alone) == spec(together)) != drawn
        assert (Configured.of(alone) == Configured.of(together)) != drawn
        assert (spec(alone.training()) == spec(together.training())) != drawn  # pyright: ignore
    sharded = Efficiency(devices=2, sharded=True, patience=9)
    assert spec(DEFENSES.make("rl", efficiency=sharded)) == spec(
        DEFENSES.make("rl", efficiency=TWO)
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"devices": 3}, "a batch of 8 rows cannot be divided into 3 equal parts"),
        ({"devices": 16}, "a batch of 8 rows cannot be divided into 16 equal parts"),
        ({"devices": 2, "nodes": 3}, "on nodes=3: a batch of 8"),
        ({"devices": 0}, "devices, nodes and patience"),
        ({"sharded": True}, "divides a model among devices, and devices=1"),
        (
            {"sharded": True, "devices": 2, "lora": 4, "quantized": "nf4"},
            "4 bits cannot be divided",
        ),
    ],
)
def test_what_cannot_be_divided_is_refused_at_once(settings: Any, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        SupervisedFineTuning(batch_size=8, efficiency=Efficiency(**settings))


def test_replies_to_one_prompt_stay_in_one_process() -> None:
    with pytest.raises(SettingError, match="2 of which belong together, cannot be divided into 4"):
        DEFENSES.make("rl", batch_size=4, efficiency=Efficiency(devices=4)).lessons()


def test_more_gpus_than_there_are_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SettingError, match=r"devices=2: this machine has 1 GPU\(s\)"):
        launch.check_devices(TWO)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    launch.check_devices(TWO)


@pytest.mark.parametrize("address", [None, "", "somewhere", "somewhere:"])
def test_nodes_need_an_address(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    if address is not None:
        monkeypatch.setenv(ADDRESS, address)
    with pytest.raises(SettingError, match=f"{ADDRESS}=HOST:PORT"):
        Meeting.of(Efficiency(nodes=2))
    monkeypatch.setenv(ADDRESS, "first.node:29400")
    assert Meeting.of(Efficiency(nodes=2, devices=4)).address == "first.node:29400"


def test_a_job_is_the_training_that_it_was_made_of(tmp_path: Path) -> None:
    efficiency = Efficiency(devices=2, sharded=True, lora=4, rows_at_once=2)
    work = SupervisedFineTuning(steps=7, curve=(1, 3), learning_rate=1 / 3, efficiency=efficiency)
    job = Job.of(work, tmp_path / "out", tmp_path, {"model": tmp_path / "model"})
    assert Job.read(job.write()).training() == work


def test_a_class_that_no_other_process_can_import_is_refused(tmp_path: Path) -> None:
    class Own(SupervisedFineTuning):
        pass

    with pytest.raises(SettingError, match="in a module of its own"):
        Job.of(Own(efficiency=TWO), tmp_path, tmp_path, {})


def test_signs_say_who_is_behind(tmp_path: Path) -> None:
    assert signs.read(tmp_path) == {}
    for rank, passed in enumerate((5, 4, 5)):
        text = json.dumps({"passed": passed, "step": 2, "process": 1})
        (tmp_path / f"sign-{rank}.json").write_text(text)
    assert launch.behind(signs.read(tmp_path)) == [1]
    (tmp_path / "sign-1.json").write_text("{")
    assert launch.behind(signs.read(tmp_path)) == [0, 2], "one that is being written is left out"
