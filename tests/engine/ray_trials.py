"""Runs on a cluster that must be refused, or given up, in a process of its own: it says as JSON
what became of each."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.core.memory import GIB, Machine, Resources, Shapes
from unmask.core.named import Work
from unmask.engine.executors import nodes
from unmask.engine.executors.ray import Ray
from unmask.engine.executors.ray_session import connected
from unmask.engine.plan import Budget
from unmask.engine.step import Step
from unmask.engine.store import Store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asking(Work):
    """Asks for something, leaves a file where it runs, and stays for a while."""

    name: ClassVar[str] = "asking"
    version: ClassVar[int] = 1

    asks: str
    amount: int
    place: str = ""
    seconds: float = 0.0

    def resources(self, models: Shapes, machine: Machine) -> Resources:
        return dataclasses.replace(Resources(), **{self.asks: self.amount})

    def run(self, out: Path) -> None:
        if self.place:
            Path(self.place).touch()
        time.sleep(self.seconds)


def refused(work: Work, store: Path, **settings: Any) -> str:
    """What is said where such a step is run."""
    try:
        [outcome] = Ray(**settings).execute([Step(work)], Store(store), Budget())
    except SettingError as error:
        return str(error)
    return f"{outcome.status}: {outcome.error}"


def elsewhere(change: Callable[[nodes.Home], nodes.Home], call: Callable[[], str]) -> str:
    """What `call` says where this process has another home than the nodes see."""
    home = nodes.Home.of
    nodes.Home.of = staticmethod(lambda token: change(home(token)))
    try:
        return call()
    finally:
        nodes.Home.of = staticmethod(home)


def main(address: str, folder: Path) -> None:
    def ask(asks: str, amount: int, **settings: Any) -> str:
        work = Asking(asks=asks, amount=amount)
        return refused(work, folder / "store", address=address, **settings)

    def another(**fields: Any) -> str:
        return elsewhere(lambda home: dataclasses.replace(home, **fields), lambda: ask("cpus", 1))

    with connected(address, workers=0):  # once for all: a connection that is there is used
        told = {
            "cpus": ask("cpus", 4),
            "gpus": ask("gpus", 1),
            "memory": ask("memory", 40 * GIB),
            "version": another(packages={"unmask": "99.0"}),
            "commit": another(git="another"),
            "store": another(token=folder / "other" / "token"),
            "none": ask("cpus", 1),
            "cluster": refused(Asking(asks="cpus", amount=1), folder, address="127.0.0.1:1"),
        }
    print(json.dumps(told), flush=True)


def lose(address: str, folder: Path) -> None:
    """A step that only the largest node can take, which is killed meanwhile."""
    place = str(folder / "begun")
    work = Asking(asks="memory", amount=9 * GIB, place=place, seconds=300)
    print(refused(work, folder / "store", address=address, patience=2.0), flush=True)


if __name__ == "__main__":
    {"main": main, "lose": lose}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
