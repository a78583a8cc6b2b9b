"""Isolation: the command that starts an interpreter without network, environment or files."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from unmask.sandbox.entry import entry_text
from unmask.sandbox.limits import Limits

Isolation = Literal["bubblewrap", "unshare", "none"]
TOOLS: dict[Isolation, str] = {"bubblewrap": "bwrap", "unshare": "unshare"}
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


def command(isolation: Isolation, limits: Limits) -> list[str]:
    """What to start: an interpreter that reads a job from standard input (entry.py)."""
    python = [interpreter(), "-I", "-S", "-c", entry_text()]
    if isolation == "none":
        return python
    tool, root = shutil.which(TOOLS[isolation]) or TOOLS[isolation], os.geteuid() == 0
    if isolation == "unshare":
        return [tool, *unshare_options(root), *python]
    return [tool, *bubblewrap_options(root, limits), "--", *python]


def unshare_options(root: bool) -> Sequence[str]:
    """New namespaces; what is seen of the file system is left to the entry, from within."""
    as_user = "" if root else "--user --map-root-user"
    return f"{as_user} --net --pid --ipc --uts --mount --fork --kill-child".split()


def bubblewrap_options(root: bool, limits: Limits) -> list[str]:
    """New namespaces, what the interpreter needs of the file system, and a folder in memory."""
    caps = "--cap-add CAP_SETUID --cap-add CAP_SETGID" if root else "--unshare-user"
    namespaces = f"--unshare-net --unshare-pid --unshare-ipc --unshare-uts --cap-drop ALL {caps}"
    folder = f"--perms 1777 --size {limits.folder_kb * 1024} --tmpfs /tmp --chdir /tmp"
    return [
        *f"{namespaces} --die-with-parent --new-session".split(),
        *bubblewrap_paths(),
        *f"{folder} --remount-ro /".split(),
    ]


def bubblewrap_paths() -> list[str]:
    """The files and devices that are seen, read-only, in folders made for them."""
    folders = (("--perms", "0755", "--dir", path) for path in above([*library(), *DEVICES]))
    files = (("--ro-bind", path, path) for path in library())
    devices = (("--dev-bind", path, path) for path in DEVICES)
    return [*itertools.chain(*folders, *files, *devices)]


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


def above(paths: Sequence[str]) -> list[str]:
    """The folders that hold these paths, outer ones first; not the root."""
    parents = itertools.chain.from_iterable(Path(path).parents for path in paths)
    return sorted({str(parent) for parent in parents} - {"/"})
