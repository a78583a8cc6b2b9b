"""Nodes: what the computers that share a run must have in common, and a look whether they do."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import sys
import uuid
from collections.abc import Generator, Mapping
from pathlib import Path

from unmask.core.errors import ModelError
from unmask.core.memory import GIB, Machine, Resources
from unmask.engine.manifest import environment
from unmask.engine.step import Step
from unmask.engine.store import Store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Home:
    """The code and the store of the process that gives out the steps. `token` is a file of the
    store that holds its own name."""

    token: Path
    git: str | None
    packages: Mapping[str, str]

    @staticmethod
    def of(token: Path) -> Home:
        """This process's."""
        here = environment()
        return Home(token=token, git=here["git"], packages=here["packages"])

    def flaw(self) -> str:
        """What this computer does not share of it, as a sentence; "" where it shares all."""
        node, here = platform.node(), environment()
        packages: Mapping[str, str] = here["packages"]
        for package, wanted in self.packages.items():
            version = packages.get(package, "none")
            if version != wanted:
                return (
                    f"{node} has {package} {version}, this run has {wanted}. Give all nodes the"
                    " same environment."
                )
        if here["git"] != self.git:
            return (
                f"{node} has unmask at commit {here['git'] or 'unknown'}, this run is at"
                f" {self.git or 'an unknown one'}. Give all nodes the same checkout."
            )
        if not reads(self.token):
            return (
                f"{node} does not see this run's store, {self.token.parent}. Use --store with a"
                " folder that all nodes have at the same path."
            )
        return ""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the process that gives out the steps stands, and where it finds modules."""

    folder: str
    modules: tuple[str, ...]

    @staticmethod
    def of_this() -> Place:
        """Of this process."""
        return Place(str(Path.cwd()), tuple(sys.path))

    def enter(self) -> None:
        """Stand there too, as far as it is here."""
        sys.path.extend(folder for folder in self.modules if folder not in sys.path)
        with contextlib.suppress(OSError):
            os.chdir(self.folder)


@contextlib.contextmanager
def shared(store: Store) -> Generator[Home]:
    """What other computers must share with this process while they work for it."""
    store.root.mkdir(parents=True, exist_ok=True)
    token = store.root.absolute() / f".shared-{uuid.uuid4().hex}"
    token.write_text(token.name, encoding="utf-8")
    try:
        yield Home.of(token)
    finally:
        token.unlink(missing_ok=True)


def reads(token: Path) -> bool:
    """Whether the file is here, and is that one."""
    try:
        return token.read_text(encoding="utf-8") == token.name
    except OSError:
        return False


def resources_of(step: Step, cuda: bool, memory: int) -> Resources:
    """What a step asks of a node with so many bytes of memory; nothing where a model of it cannot
    be looked at, which the step itself then says."""
    # How much memory a GPU has no scheduler says; what of the node's is asked for does not hang on
    # it.
    machine = Machine("cuda" if cuda else "cpu", memory, memory)
    try:
        return step.resources(machine)
    except ModelError:
        return Resources()


def amounts(resources: Mapping[str, float]) -> str:
    """Resources by Ray's names (CPU, GPU, memory in bytes) as English."""
    cpus, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
    parts = [f"{cpus:g} CPU{'' if cpus == 1 else 's'}"]
    if gpus:
        parts.append(f"{gpus:g} GPU{'' if gpus == 1 else 's'}")
    if memory := resources.get("memory", 0):
        parts.append(f"{memory / GIB:,.1f} GiB of memory")
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
