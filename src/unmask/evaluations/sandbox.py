"""Sandbox: runs a program that a model wrote where it can harm nothing, or refuses to.

Paper, section 4 (capability): code benchmarks execute what models write. A program runs in
processes of its own, without network, environment or sight of the user's files, in an empty folder
in memory, within limits on time, memory, files and processes; what it leaves behind ends with it.
Bubblewrap isolates it where it is installed, else Linux namespaces made by `unshare`. Neither is
believed: a probe that tries to get out is run first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path
from typing import Any, ClassVar, Literal

from unmask.core.errors import SettingError, UnmaskError
from unmask.core.named import Named

Isolation = Literal["bubblewrap", "unshare", "none"]
TOOLS: dict[Isolation, str] = {"bubblewrap": "bwrap", "unshare": "unshare"}
NOBODIES = range(61440, 65535)
"""Who a program runs as where we are root, whose number of processes the kernel does not limit: one
drawn for each run, because the kernel counts the processes of a user, and programs that run at once
must not count against each other."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
FOLDER_FILES = 16
"""How many files of the largest size the folder holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits(Named):
    """What a program may use: seconds, MiB a process, KiB a file (its output is one), processes and
    threads at once.

    CPU time is each process's own, so that a busy machine does not change the verdict on a program
    that only computes.
    """

    name: ClassVar[str] = "sandbox_limits"
    version: ClassVar[int] = 1

    cpu_seconds: int = 3
    wall_seconds: int = 12
    memory_mb: int = 512
    file_kb: int = 1024
    processes: int = 8

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) < 1:
                raise SettingError(
                    f"{field.name}={getattr(self, field.name)}: a limit is a whole number from"
                    " 1 on."
                )


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What the program wrote to stdout and stderr, cut to the limit; whether its wall time ran out;
    and the signal that ended it: SIGXCPU where its processor time ran out, 0 where there was none.
    """

    output: str
    timed_out: bool
    killed_by: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sandbox:
    """Runs Python programs, by the interpreter that runs us and its standard library; made by
    `find_sandbox`."""

    isolation: Isolation
    limits: Limits = dataclasses.field(default_factory=Limits)

    def run(self, program: str, stdin: str = "") -> Outcome:
        """Run a program to its end or its limits; no process of it is left. Raises UnmaskError if
        it was not begun."""
        job = json.dumps({"program": program, **self._job()}).encode() + b"\n" + stdin.encode()
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # Files, not pipes: one that never reads cannot block us, and the limit on files holds for
        # what is written.
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said, folder as empty:
            given.write(job)
            given.seek(0)
            process = subprocess.Popen(
                self._command(),
                stdin=given,
                stdout=said,
                stderr=said,
                cwd=empty,
                env={},
                start_new_session=True,
            )
            stopped = threading.Event()
            clock = threading.Timer(
                self.limits.wall_seconds, lambda: (stopped.set(), process.kill())
            )
            clock.start()
            try:
                code = process.wait()
            finally:
                clock.cancel()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            said.seek(0)
            output = said.read(self.limits.file_kb * 1024).decode(errors="replace")
        if 0 < code < 128:  # `boot` gives 0, or 128 and the signal that ended the program
            raise UnmaskError(
                f"The sandbox ({self.isolation}) did not start:"
                f" {output[-300:].strip() or 'no word'}."
            )
        return Outcome(output, timed_out=stopped.is_set(), killed_by=max(code - 128, 0))

    def _job(self) -> dict[str, Any]:
        return {
            "limits": dataclasses.asdict(self.limits),
            "confined": self.isolation != "none",
            "shown": [*library(), *DEVICES] if self.isolation == "unshare" else [],
            "folder_kb": FOLDER_FILES * self.limits.file_kb,
            "user": (
                secrets.choice(NOBODIES) if self.isolation != "none" and os.geteuid() == 0 else None
            ),
        }

    def _command(self) -> list[str]:
        python = [interpreter(), "-I", "-S", "-c", boot_text()]
        if self.isolation == "none":
            return python
        tool, root = shutil.which(TOOLS[self.isolation]) or TOOLS[self.isolation], os.geteuid() == 0
        if self.isolation == "unshare":
            as_user = () if root else ("--user", "--map-root-user")
            return [
                tool,
                *as_user,
                "--net",
                "--pid",
                "--ipc",
                "--uts",
                "--mount",
                "--fork",
                "--kill-child",
                *python,
            ]
        caps = (
            ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID") if root else ("--unshare-user",)
        )
        size = str(FOLDER_FILES * self.limits.file_kb * 1024)
        folders = (("--perms", "0755", "--dir", path) for path in above([*library(), *DEVICES]))
        files = (("--ro-bind", path, path) for path in library())
        devices = (("--dev-bind", path, path) for path in DEVICES)
        return [
            *(
                tool,
                "--unshare-net",
                "--unshare-pid",
                "--unshare-ipc",
                "--unshare-uts",
                "--cap-drop",
                "ALL",
                *caps,
            ),
            *("--die-with-parent", "--new-session"),
            *itertools.chain(*folders, *files, *devices),
            *(
                "--perms",
                "1777",
                "--size",
                size,
                "--tmpfs",
                "/tmp",
                "--chdir",
                "/tmp",
                "--remount-ro",
                "/",
                "--",
            ),
            *python,
        ]


def find_sandbox(limits: Limits | None = None, allow_unsafe: bool = False) -> Sandbox:
    """The best sandbox that this machine has, probed once a process.

    Raises SettingError where no isolation holds, unless `allow_unsafe`: then only the limits hold,
    and a program sees the network and every file that the user sees.
    """
    reasons: list[str] = []
    for isolation in TOOLS:
        if not (reason := escapes(isolation)):
            return Sandbox(isolation=isolation, limits=limits or Limits())
        reasons.append(f"{isolation}: {reason}")
    if allow_unsafe:
        return Sandbox(isolation="none", limits=limits or Limits())
    raise SettingError(
        f"This machine cannot isolate programs that a model wrote ({'; '.join(reasons)}), and none"
        " is run without. Install bubblewrap, or use a Linux machine that allows user namespaces."
        " Only where the whole machine may be lost, such as a throw-away virtual machine, set"
        " allow_unsafe=true."
    )


@functools.cache
def escapes(isolation: Isolation) -> str:
    """Why this isolation is not to be trusted here; "" if the probe found no way out."""
    if isolation in TOOLS and shutil.which(TOOLS[isolation]) is None:
        return f"{TOOLS[isolation]} is not installed"
    limits = Limits(cpu_seconds=5, wall_seconds=30)
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.NamedTemporaryFile() as secret:
        text = (
            f"{inspect.getsource(probe)}\nprobe({server.getsockname()[1]}, {secret.name!r},"
            f" {4 * limits.processes})"
        )
        try:
            said = Sandbox(isolation=isolation, limits=limits).run(text).output
        except (UnmaskError, OSError) as error:
            return f"{error}".rstrip(".")
    try:
        found = json.loads(said)
    except ValueError:
        return f"its probe failed and said {said[-200:]!r}"
    ways = {
        "a program reaches the network": found["connected"],
        "a program sees our files": found["file"],
        "a program sees our environment": bool(
            set(found["environment"]) & ({*os.environ} - {"LC_CTYPE", "PWD"})
        ),
        "the number of processes is not limited": found["forks"] > limits.processes,
    }
    return ", ".join(way for way, is_open in ways.items() if is_open)


def interpreter() -> str:
    """The interpreter itself, without its virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


@functools.cache
def library() -> list[str]:
    """What the interpreter needs to see: itself, its standard library and the system's shared
    libraries."""
    folders = {
        f"{sys.base_prefix}/lib",
        f"{sys.base_exec_prefix}/lib",
        f"{sys.base_exec_prefix}/lib64",
    }
    own = [interpreter(), sysconfig.get_path("stdlib"), *folders]
    system = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"]
    paths = {Path(path) for path in (*own, *system) if Path(path).exists()}
    return [str(path) for path in sorted(paths) if paths.isdisjoint(path.parents)]


def above(paths: list[str]) -> list[str]:
    """The folders that hold these paths, outer ones first; not the root."""
    parents = itertools.chain.from_iterable(Path(path).parents for path in paths)
    return sorted({str(parent) for parent in parents} - {"/"})


@functools.cache
def boot_text() -> str:
    """The program that confines itself and then becomes the model's: `boot` and what it calls, as
    text."""
    parts = (inspect.getsource(part) for part in (show_only, confine, boot))
    return "\n".join(("from __future__ import annotations", *parts, "boot()"))


# What follows runs inside of the sandbox, by an interpreter that has nothing but its standard
# library.


def boot() -> None:
    """Read the job from stdin's first line, confine a child process, run the program there; exit
    with 0 if it began, or with 128 and the number of the signal that ended it."""
    import json
    import os

    with open(0, "rb", closefd=False) as file:
        line = file.readline()
    os.lseek(0, len(line), os.SEEK_SET)
    job = json.loads(line)
    if job["shown"]:
        show_only(job["shown"], job["folder_kb"])
    # The first process of its namespace stays ours: when it ends, the kernel ends all others of it.
    begun, begin = os.pipe()
    if child := os.fork():
        os.close(begin)
        _, status = os.waitpid(child, 0)
        if not os.read(begun, 1):
            os._exit(125)
        os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
    confine(job)
    os.write(begin, b"1")
    os.close(begin)
    os.close(begun)
    # By itself: our own import from the future must not hold in it.
    program = compile(job["program"], "<program>", "exec", dont_inherit=True)
    exec(program, {"__name__": "__main__"})


def show_only(paths: list[str], folder_kb: int) -> None:
    """Make `paths`, read-only, and an empty folder /tmp all there is of the file system. Needs a
    mount namespace."""
    import ctypes
    import os
    from pathlib import Path

    libc = ctypes.CDLL(None, use_errno=True)

    def check(result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), f"mounting: {os.strerror(ctypes.get_errno())}")

    nosuid, nodev, bind, recursive = 2, 4, 4096, 16384
    root = "/proc"  # a folder that every system has, and that holds none of `paths`
    check(libc.mount(b"tmpfs", root.encode(), b"tmpfs", nosuid | nodev, b"mode=755,size=1m"))
    for path in map(Path, paths):
        target = Path(f"{root}{path}")
        (target if path.is_dir() else target.parent).mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            target.touch()
        check(libc.mount(bytes(path), bytes(target), None, bind | recursive, None))
    Path(root, "tmp").mkdir()
    # mount_setattr (Linux 5.12), which C libraries do not name yet: read-only and nosuid, with all
    # that is below.
    attributes = (ctypes.c_uint64 * 4)(1 | 2, 0, 0, 0)
    check(libc.syscall(442, -100, root.encode(), 0x8000, attributes, ctypes.sizeof(attributes)))
    options = f"mode=1777,size={folder_kb}k,nr_inodes=1000"
    check(libc.mount(b"tmpfs", f"{root}/tmp".encode(), b"tmpfs", nosuid | nodev, options.encode()))
    os.chroot(root)
    os.chdir("/tmp")


def confine(job: dict[str, object]) -> None:
    """Limit this process and all that it starts, for good; without `confined`, only by what every
    system has."""
    import os
    import resource

    limits = job["limits"]
    assert isinstance(limits, dict)
    # The hard limit is a second more: there the kernel sends SIGKILL, which does not say why;
    # SIGXCPU does.
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_seconds"], limits["cpu_seconds"] + 1))
    for kind, value in (
        (resource.RLIMIT_AS, limits["memory_mb"] * 2**20),
        (resource.RLIMIT_FSIZE, limits["file_kb"] * 2**10),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    if not job["confined"]:
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if isinstance(user := job["user"], int):
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    no_capabilities = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.prctl(38, 1, 0, 0, 0) or libc.capset(
        *no_capabilities
    ):  # 38: never gain a privilege again
        raise OSError(ctypes.get_errno(), "giving up privileges")


def probe(port: int, secret: str, forks: int) -> None:
    """Try to get out, and print how far that went."""
    import json
    import os
    import socket
    import time
    from pathlib import Path

    connected = True
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        connected = False
    begun = 0
    try:
        while begun < forks:
            if os.fork() == 0:
                time.sleep(
                    60
                )  # alive, so that it counts against the limit, until all are killed with the probe
                os._exit(0)
            begun += 1
    except OSError:
        pass
    found = {
        "connected": connected,
        "file": Path(secret).exists(),
        "environment": list(os.environ),
        "forks": begun,
    }
    print(json.dumps(found))
