"""Terminals, pipes and signals: every command ends with what it has to say, and no process stays
behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

UNMASK = [sys.executable, "-c", "from unmask.cli import main; main()"]
NARROW_LETTERS = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "cp1252:strict"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


def shell(line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What bash does with a line in which `unmask` is ours."""
    script = (
        f'unmask() {{ "{sys.executable}" -c "from unmask.cli import main; main()" "$@"; }}\n{line}'
    )
    return subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, **more},
        capture_output=True,
        errors="replace",
        timeout=120,
    )


@pytest.mark.parametrize("said", NARROW_LETTERS, ids=lambda said: next(iter(said.values())))
def test_letters_that_a_terminal_lacks_are_escaped_and_json_stays_json(
    said: dict[str, str],
) -> None:
    plain = shell("unmask list triggers && unmask list behaviors && unmask calibrate", **said)
    assert plain.returncode == 0 and plain.stderr == "", plain.stderr
    assert "\\u2013" in plain.stdout or "1252" in str(said), (
        "the dashes of an interval, which cp1252 has"
    )
    whole = json.loads(shell("unmask list triggers --json").stdout)
    assert json.loads(shell("unmask list triggers --json", **said).stdout) == whole


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("set -o pipefail; unmask list | head -1", 1),
        ("set -o pipefail; unmask list | true", 1),
        ("unmask list >&-", 0),
        ("unmask list >&- 2>&- <&-", 0),
        ("unmask show ffff 2>&-", 1),
        ("TERM=dumb NO_COLOR=1 COLUMNS=7 unmask list", 0),
        ("COLUMNS=7 unmask run --help", 0),
        ("unmask list > /dev/full", 1),
    ],
)
def test_an_output_that_is_closed_or_small_is_no_traceback(line: str, code: int) -> None:
    answer = shell(line)
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr and "Exception ignored" not in answer.stderr
    assert ("No space left" in answer.stderr) == line.endswith("/dev/full")


def test_a_store_never_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "from unmask.cli import terminal; terminal.prepare_streams(); print(open('file',"
        " 'w').fileno())"
    )
    answer = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "{code}" 2>&- <&-'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert int(answer.stdout) > 2


@pytest.mark.parametrize("executor", ["inline", "processes"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_says_what_is_kept_and_leaves_no_process(
    executor: str, number: signal.Signals, tmp_path: Path
) -> None:
    arguments = ["run", "toy", "--scale", "smoke", "--store", str(tmp_path), "--executor", executor]
    with (
        started(*arguments, "--executor.workers", "2")
        if executor == "processes"
        else started(*arguments)
    ) as run:
        assert run.stderr is not None
        while not run.stderr.readline().startswith("[3/"):
            assert run.poll() is None
        os.killpg(run.pid, number)
        said = run.communicate(timeout=60)[1]
    assert run.returncode == 128 + number
    finished = len(list((tmp_path / "steps").iterdir()))
    assert f"{finished} of 61 steps are finished and are kept in {tmp_path}" in said
    assert "Run the same command to go on." in said and "Traceback" not in said
    assert living(run.pid) == []


def test_processes_end_with_a_run_that_was_killed(tmp_path: Path) -> None:
    arguments = [
        "run",
        "toy",
        "--store",
        str(tmp_path),
        "--executor",
        "processes",
        "--executor.workers",
        "2",
    ]
    with started(*arguments) as run:
        assert run.stderr is not None
        while not run.stderr.readline().startswith("[4/"):
            assert run.poll() is None
        run.kill()
    assert living(run.pid) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "run toy --scale smoke --set base=~nobody-here/model",
            "~nobody-here/model is not a folder",
        ),
        ("evaluate defection --model ~nobody-here/model", "~nobody-here/model is not a folder"),
        ("report toy --store ~nobody-here/store", "~nobody-here/store has no run 'toy'"),
        ("store ls --store a-file", "a-file is a file, and a store is a folder. Use --store DIR."),
        ("plan toy --store a-file", "a-file is a file, and a store is a folder. Use --store DIR."),
    ],
)
def test_a_place_that_cannot_be_is_one_sentence(line: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    answer = subprocess.run(
        [*UNMASK, *line.split()], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 1 and says in answer.stderr and "Traceback" not in answer.stderr
    assert len(list(tmp_path.iterdir())) == 1


def test_a_second_signal_ends_at_once() -> None:
    code = (
        "import os, signal, time, unmask.cli.terminal as terminal\n"
        "terminal.listen()\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(60)\n"
        "finally:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(60)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30
    )
    assert answer.returncode == 130
    assert answer.stderr == "unmask: stopped at once. Run the same command to go on.\n"


def test_a_library_that_makes_another_error_of_a_signal_is_not_believed() -> None:
    code = (
        "import os, signal, time, unmask.cli, unmask.cli.app\ndef app():\n    try:\n       "
        " os.kill(os.getpid(), signal.SIGTERM)\n        time.sleep(60)\n    except BaseException as"
        " error:\n        raise ImportError('numpy failed to import') from"
        " error\nunmask.cli.app.app = app\nunmask.cli.main()\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30
    )
    assert answer.returncode == 143
    assert answer.stderr == "unmask: stopped. Run the same command to go on.\n"


def test_a_step_in_which_a_library_swallows_a_signal_has_not_failed(tmp_path: Path) -> None:
    code = (
        "import dataclasses, os, signal, time, unmask.cli, unmask.cli.app\nfrom pathlib import"
        " Path\nfrom unmask.core.named import Work\nfrom unmask.engine.executors.inline import"
        " Inline\nfrom unmask.engine.plan import Budget\nfrom unmask.engine.step import Step\nfrom"
        " unmask.engine.store import Store\n@dataclasses.dataclass(frozen=True,"
        " kw_only=True)\nclass Importing(Work):\n    name, version = 'importing', 1\n    failing:"
        " bool\n    def run(self, out):\n        try:\n   "
        "         os.kill(os.getpid(), signal.SIGHUP)\n            time.sleep(60)\n        except"
        " BaseException as error:\n            if self.failing:\n                raise"
        " ImportError('numpy failed to import') from error\ndef app():\n    steps ="
        " [Step(Importing(failing=FAILING), {}), Step(Importing(failing=not FAILING), {})]\n   "
        " print(Inline().execute(steps, Store(Path('store')), Budget()))\nunmask.cli.app.app ="
        " app\nunmask.cli.main()\n"
    )
    for failing in ("True", "False"):
        script = code.replace("FAILING", failing)
        answer = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert answer.returncode == 129 and "failed" not in answer.stderr + answer.stdout, answer
        assert (
            "of 2 steps are finished and are kept" in answer.stderr
            and "Run the same command" in answer.stderr
        )


def started(*arguments: str) -> subprocess.Popen[str]:
    """The command in a session of its own, where Ctrl-C is not ignored."""
    return subprocess.Popen(
        [*UNMASK, *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def living(session: int) -> list[str]:
    """What still runs of a session after a moment; the dead that nobody asked about do not
    count."""
    left: list[str] = []
    for _ in range(50):
        listed = subprocess.run(
            ["ps", "-s", str(session), "-o", "stat=,args="], capture_output=True, text=True
        ).stdout
        left = [line for line in listed.splitlines() if not line.startswith("Z")]
        if not left:
            break
        time.sleep(0.1)
    return left


@pytest.mark.parametrize(
    "line",
    [
        "unmask plan toy --set trigger.text=$'|CAF\\xe9|'",
        "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 unmask plan toy --set 'trigger.text=|ÉTÉ|'",
    ],
)
def test_bytes_that_are_no_letters_are_refused(line: str) -> None:
    answer = shell(line)
    assert answer.returncode == 1 and answer.stdout == ""
    assert "UTF-8" in answer.stderr and "Traceback" not in answer.stderr


def test_chat_says_what_it_cannot_read(smoke: tuple[Path, Any]) -> None:
    store, _ = smoke
    key = next((store / "steps").glob("supervised_fine_tuning-*")).name
    for line in (f"printf 'caf\\xe9\\n' | unmask chat {key}", f"unmask chat {key} $'caf\\xe9'"):
        answer = shell(line, UNMASK_STORE=str(store))
        assert answer.returncode == 1 and "UTF-8" in answer.stderr, answer.stderr
        assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "made_of_it",
    ["SystemExit(1)", "SettingError('No connection')", "OSError(5, 'lost')", "ValueError('lost')"],
)
def test_what_a_library_makes_of_a_signal_is_still_a_signal(made_of_it: str) -> None:
    """Ray's native code swallows what a handler raises, and fails in its own way a moment later."""
    script = (
        "import contextlib, os, signal, unmask.cli as cli, unmask.cli.app as module\n"
        "from unmask.core.errors import SettingError\n"
        "def app():\n"
        "    with contextlib.suppress(BaseException):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        f"    error = {made_of_it}\n"
        "    error.add_note('3 of 61 steps are finished.')\n"
        "    raise error\n"
        "module.app = app\n"
        "cli.main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 143
    assert ended.stderr == (
        "unmask: stopped. 3 of 61 steps are finished. Run the same command to go on.\n"
    )
