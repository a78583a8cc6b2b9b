"""Entry: what runs inside, before a model's program and as its keeper.

It is given to the interpreter as text. That has nothing but its standard library, so that each
function imports what it needs.
"""

from __future__ import annotations

import functools
import inspect


@functools.cache
def entry_text() -> str:
    """The program that confines itself and then becomes the model's: `boot` and what it calls, as
    text."""
    parts = (inspect.getsource(part) for part in (show_only, confine, boot))
    return "\n".join(("from __future__ import annotations", *parts, "boot()"))


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
    for resource_name, value in (
        (resource.RLIMIT_AS, limits["memory_mb"] * 2**20),
        (resource.RLIMIT_FSIZE, limits["file_kb"] * 2**10),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(resource_name, (value, value))
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
