"""Manifest: where a result came from. Written last; a folder without one is not a result."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.core.files import file_digest, folder_files

FILE = "manifest.json"
PACKAGES = (
    *("unmask", "torch", "transformers", "trl", "accelerate", "peft"),
    *("datasets", "tokenizers", "numpy", "scipy"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """Provenance of one step's result.

    `files` maps a path to {"size": bytes, "sha256": digest, "mtime_ns": when it was digested};
    `facts` is what the work returned (tokens, device, losses, ...); `seconds` is the wall-clock
    time of the attempt that finished.
    """

    key: str
    identity: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    seconds: float
    facts: Mapping[str, Any]
    created: str
    environment: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.identity["name"])

    @staticmethod
    def of_folder(
        folder: Path,
        key: str,
        identity: Mapping[str, Any],
        seconds: float,
        facts: Mapping[str, Any],
    ) -> Manifest:
        """Digest every file in `folder`."""
        files: dict[str, dict[str, Any]] = {}
        for path in folder_files(folder):
            stat = (folder / path).stat()
            files[path.as_posix()] = {
                "size": stat.st_size,
                "mtime_ns": stat.st_mtime_ns,
                "sha256": file_digest(folder / path),
            }
        return Manifest(
            key=key,
            identity=identity,
            files=files,
            seconds=round(seconds, 3),
            facts=facts,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            environment=environment(),
        )

    @staticmethod
    def of_json(value: Any) -> Manifest:
        """From parsed JSON; raises KeyError or TypeError where it is not a manifest."""
        fields = {field.name: value[field.name] for field in dataclasses.fields(Manifest)}
        return Manifest(**fields)

    def json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@functools.cache
def environment() -> Mapping[str, Any]:
    """git commit of this code (None outside a checkout), package versions, Python, platform,
    processor."""
    versions: dict[str, str] = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "git": git_commit(),
        "packages": versions,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "argv0": Path(sys.argv[0]).name,
    }


def processor() -> str:
    """What computes: two processors round differently, and training makes much of little."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def git_commit() -> str | None:
    """The commit of the checkout that this package is run from, with '+changes' where files differ
    from it."""
    here = Path(__file__).resolve()
    git = ["git", "-C", str(here.parent)]
    tracked = [*git, "ls-files", "--error-unmatch", here.name]
    describe = [*git, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"]
    try:
        if subprocess.run(tracked, capture_output=True, timeout=10).returncode != 0:
            return None  # installed into an environment inside somebody's repository
        answer = subprocess.run(describe, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
