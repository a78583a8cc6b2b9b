"""The sandbox: programs cannot get out, end within their limits and leave nothing; without
isolation, a refusal."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unmask.core.errors import SettingError, UnmaskError
from unmask.sandbox import Isolation, Limits, Sandbox, escapes, find_sandbox, probe

LIMITS = Limits(cpu_seconds=1, wall_seconds=5, memory_mb=128, file_kb=64, processes=6)


@pytest.fixture(params=["bubblewrap", "unshare"])
def box(request: pytest.FixtureRequest) -> Sandbox:
    isolation: Isolation = request.param
    if reason := escapes(isolation):
        pytest.skip(f"not isolated by {isolation} here: {reason}")
    return Sandbox(isolation=isolation, limits=LIMITS)


def patient(box: Sandbox) -> Sandbox:
    """With so much time that a busy machine is no reason to end."""
    return dataclasses.replace(
        box, limits=dataclasses.replace(LIMITS, wall_seconds=60, memory_mb=512)
    )


def test_a_program_runs_and_reads_its_input(box: Sandbox) -> None:
    found = box.run("import math, sys\nprint(sys.stdin.read(), math.sqrt(4), __name__)", stdin="né")
    assert (found.output, found.timed_out) == ("né 2.0 __main__\n", False)


def test_an_error_is_the_programs_own(box: Sandbox) -> None:
    assert "ZeroDivisionError" in box.run("1 / 0").output
    assert box.run("import os; os._exit(1)") == box.run("import sys; sys.exit(7)")


def test_no_network(box: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = box.run(
            f"import socket\nsocket.create_connection(('127.0.0.1', {port}),"
            " timeout=1)\nprint('out')"
        )
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()
    assert "out" not in found.output.splitlines() and "Error" in found.output


def test_no_environment_and_none_of_our_files(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNMASK_TEST_SECRET", "1")
    (tmp_path / "secret").write_text("1")
    text = (
        f"import os\nprint('UNMASK_TEST_SECRET' in os.environ, os.path.exists({str(tmp_path)!r}),"
        " os.listdir('.'))"
    )
    assert box.run(text).output == "False False []\n"
    assert (
        box.run(f"import os\nprint(os.path.exists({__file__!r}), os.path.exists('/proc/1'))").output
        == "False False\n"
    )


def test_nothing_of_site_packages(box: Sandbox) -> None:
    assert "ModuleNotFoundError" in box.run("import pytest").output


def test_it_cannot_delete_or_change_what_it_sees(box: Sandbox) -> None:
    for change in ("os.remove(antigravity)", "open(antigravity, 'a')", "open('/beside', 'w')"):
        said = box.run(
            f"import os\nantigravity = os.path.dirname(os.__file__) + '/antigravity.py'\n{change}"
        ).output
        assert "Read-only file system" in said or "Permission denied" in said
    assert box.run("import ctypes\nprint(ctypes.CDLL(None).umount2(b'/tmp', 2))").output == "-1\n"


def test_it_has_no_privilege_and_gets_none(box: Sandbox) -> None:
    text = (
        "import os\nfor gain in (os.setuid, os.setgid):\n    try: gain(1); print('gained')\n   "
        " except OSError: pass"
    )
    assert box.run(text).output == ""


def test_an_endless_loop_ends_by_cpu_time(box: Sandbox) -> None:
    found = patient(box).run("while True: pass")
    assert (found.timed_out, found.killed_by) == (False, signal.SIGXCPU)
    assert box.run("import os\nos.kill(os.getpid(), 11)").killed_by == signal.SIGSEGV
    assert box.run("1 / 0").killed_by == 0


def test_ignoring_the_end_of_its_time_helps_little(box: Sandbox) -> None:
    found = patient(box).run(
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    )
    assert (found.timed_out, found.killed_by) == (False, signal.SIGKILL)


def test_a_programs_annotations_are_values_as_python_has_them(box: Sandbox) -> None:
    assert (
        box.run("def f(x: int): pass\nprint(f.__annotations__)").output == "{'x': <class 'int'>}\n"
    )


def test_a_sleeper_ends_by_wall_time() -> None:
    limits = Limits(wall_seconds=1)
    for isolation in ("bubblewrap", "unshare"):
        if not escapes(isolation):
            begun = time.monotonic()
            assert (
                Sandbox(isolation=isolation, limits=limits)
                .run("import time\ntime.sleep(60)")
                .timed_out
            )
            assert time.monotonic() - begun < 4


def test_memory_is_limited(box: Sandbox) -> None:
    assert "MemoryError" in box.run("x = bytearray(2**30)\nprint('had it')").output
    assert (
        "had it"
        not in box.run("x = []\nwhile True: x.append(bytearray(2**22))\nprint('had it')").output
    )


def test_output_is_cut(box: Sandbox) -> None:
    found = box.run("while True: print('x' * 1000)")
    assert (
        len(found.output) <= LIMITS.file_kb * 1024
        and found.output.startswith("xxx")
        and not found.timed_out
    )


def test_files_are_limited_in_size_and_in_sum(box: Sandbox) -> None:
    assert "OSError" in box.run("open('a', 'wb').write(bytes(2**20))\nprint('written')").output
    text = "for i in range(100): open(str(i), 'wb').write(bytes(2**15))\nprint('written')"
    assert "No space left" in box.run(text).output


def test_a_fork_bomb_is_held_and_gone(box: Sandbox) -> None:
    mark = f"unmask-{os.getpid()}"  # seen in the process list, if anything is left
    text = f"""
import ctypes, os, time
ctypes.CDLL(None).prctl(15, b'{mark[:15]}', 0, 0, 0)
begun = 0
for _ in range(40):
    try:
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        begun += 1
    except OSError:
        break
print(begun, flush=True)
"""
    begun = time.monotonic()
    found = box.run(text)
    assert 0 < int(found.output) < LIMITS.processes
    assert time.monotonic() - begun < 4, "it ended with its first process, not with its sleepers"
    until = time.monotonic() + 2
    while (left := named(mark[:15])) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left


def named(name: str) -> list[str]:
    """The processes of this machine by that name."""
    found: list[str] = []
    for each in Path("/proc").glob("[0-9]*/comm"):
        try:
            found += [str(each)] if each.read_text().strip() == name else []
        except OSError:  # it ended meanwhile
            continue
    return found


def test_programs_that_run_at_once_do_not_count_against_each_other(box: Sandbox) -> None:
    text = "import threading, time\n"
    text += "threads = [threading.Thread(target=time.sleep, args=(1,)) for _ in range(LIMIT)]\n"
    text = (
        text.replace("LIMIT", str(LIMITS.processes - 2))
        + "for thread in threads: thread.start()\nprint('begun')"
    )
    with ThreadPoolExecutor(4) as pool:
        assert [found.output for found in pool.map(patient(box).run, [text] * 4)] == ["begun\n"] * 4


def test_killing_its_keeper_is_no_way_out(box: Sandbox) -> None:
    found = box.run(
        "import os, signal\nprint('on', flush=True)\nos.kill(os.getppid(),"
        " signal.SIGKILL)\nprint('still')"
    )
    assert found.output.startswith("on")


def test_no_folder_is_left(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    box.run("open('a', 'w').write('x')")
    assert not list(tmp_path.iterdir())


def test_without_isolation_it_refuses_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "escapes", lambda isolation: "a program reaches the network")
    with pytest.raises(
        SettingError, match=r"bubblewrap: a program reaches the network.*allow_unsafe=true"
    ):
        find_sandbox()
    told = find_sandbox(LIMITS, allow_unsafe=True)
    assert told.isolation == "none"
    assert (
        told.run("import os\nprint(os.listdir('.'), 'PATH' in os.environ)").output == "[] False\n"
    )
    assert "MemoryError" in told.run("x = bytearray(2**30)").output


def test_the_probe_finds_what_is_open() -> None:
    reason = escapes("none")
    assert "a program reaches the network" in reason and "a program sees our files" in reason


def test_a_tool_that_is_missing_or_fails_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = escapes.__wrapped__  # as it is, without what is remembered
    monkeypatch.setenv("PATH", str(tmp_path))
    assert probed("bubblewrap") == "bwrap is not installed"
    (tmp_path / "unshare").write_text("#!/bin/sh\necho not permitted\nexit 1\n")
    (tmp_path / "unshare").chmod(0o755)
    assert "did not start: not permitted" in probed("unshare")
    with pytest.raises(UnmaskError, match="did not start"):
        Sandbox(isolation="unshare").run("print(1)")


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="processes=0"):
        Limits(processes=0)
